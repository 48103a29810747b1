"""What Linux says about memory, in bytes; nothing is known elsewhere."""

import pathlib
import re


def available() -> int | None:
  """Returns what new processes can take without driving others out."""
  return _bytes("/proc/meminfo", "MemAvailable")


def peak() -> int | None:
  """Returns the most that this program has held.

  Not `ru_maxrss`: that counts what the process held before it became this
  program, as a copy of its parent.
  """
  return _bytes("/proc/self/status", "VmHWM")


def _bytes(path: str, name: str) -> int | None:
  try:
    text = pathlib.Path(path).read_text()
  except OSError:
    return None
  found = re.search(rf"^{name}:\s*(\d+) kB$", text, re.MULTILINE)
  return 1024 * int(found[1]) if found else None
