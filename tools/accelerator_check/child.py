"""Runs one part: python -m tools.accelerator_check.child NAME ..."""

import importlib
import sys
from pathlib import Path

from tools.accelerator_check.context import ABSENT, Absent, Context


def main(name: str, work: str, platform: str, size: str) -> None:
  """Runs a part.

  Args:
    name: Name of its module.
    work: Folder that all parts share.
    platform: Platform of JAX.
    size: Sizes, "small" or "full".
  """
  context = Context(name, Path(work), platform, is_small=size == "small")
  part = importlib.import_module(f"tools.accelerator_check.parts.{name}")
  try:
    part.run(context)
  except Absent as what:
    context.tell(**{ABSENT: str(what)})


if __name__ == "__main__":
  main(*sys.argv[1:])
