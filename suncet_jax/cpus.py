"""How many CPUs there are for this process."""

import os


def available_cpus() -> int:
  """Returns how many CPUs this process may use, not those of the machine."""
  if hasattr(os, "sched_getaffinity"):
    return len(os.sched_getaffinity(0))
  return os.cpu_count() or 1
