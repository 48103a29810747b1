"""Checks this machine's accelerator; see tools/accelerator_check.sh --help."""

import argparse
import datetime
import json
import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tools.accelerator_check.context import ABSENT, ROOT, facts_of
from tools.accelerator_check.plan import Part, allotted, plan
from tools.accelerator_check.process import (
  AGAIN,
  FAILED,
  OK,
  STOPPED,
  Outcome,
  run_limited,
)
from tools.accelerator_check.summary import summary

_LEFT_OUT = "left out"
_TO_END = 3.0  # seconds that are kept for the summary
# Most of the memory for the step, which is to be as large as it can be.
_OF_STEP = {"XLA_PYTHON_CLIENT_MEM_FRACTION": "0.92"}


def main(arguments: list[str]) -> int:
  """Runs the parts, prints the summary; returns the exit code.

  Args:
    arguments: Arguments of the command line.
  """
  options = _parsed(arguments)
  began = time.monotonic() - options.elapsed
  signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends the part too
  content: dict[str, Any] = {
    "command": options.command,
    "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    "platform": options.platform,
    "is_small": options.small,
    "minutes": options.minutes,
    "parts": {},
  }
  with tempfile.TemporaryDirectory(prefix="accelerator_check-") as work:
    parts = plan(is_small=options.small)
    for number, part in enumerate(parts):
      remaining = 60 * options.minutes - _TO_END - (time.monotonic() - began)
      limit = allotted(part, parts[number + 1 :], remaining)
      content["parts"][part.name] = _told(part, limit, Path(work), options)
      content["seconds"] = round(time.monotonic() - began, 1)
      # After each part: a machine that is taken away leaves what there is.
      options.out.write_text(json.dumps(content, indent=2) + "\n")
  print("\n".join(summary(content)), flush=True)
  bad = {FAILED, STOPPED, _LEFT_OUT}
  return int(any(p["status"] in bad for p in content["parts"].values()))


def _told(
  part: Part, limit: float, work: Path, options: argparse.Namespace
) -> dict[str, Any]:
  """Runs a part; returns what is kept of it."""
  if not limit:
    _say(f"{part.name}: left out, no time")
    return {"status": _LEFT_OUT, "reason": "no time was left", "facts": {}}
  _say(f"{part.name}: at most {limit:.0f} s")
  began = time.monotonic()
  outcome = _outcome(part, limit, work, options)
  seconds = time.monotonic() - began
  facts = facts_of(work, part.name)
  told: dict[str, Any] = {
    "status": outcome.status,
    "seconds": round(seconds, 1),
    "limit": round(limit, 1),
    "facts": facts,
  }
  if outcome.status == OK and ABSENT in facts:
    return {**told, "status": ABSENT, "reason": facts[ABSENT]}
  if outcome.status != OK:
    last = outcome.tail[-1] if outcome.tail else "it printed nothing"
    told |= {"reason": last, "tail": outcome.tail}
  _say(f"{part.name}: {outcome.status} after {seconds:.0f} s")
  return told


def _outcome(
  part: Part, limit: float, work: Path, options: argparse.Namespace
) -> Outcome:
  """Runs a part's process, and further ones as long as they ask for it."""
  command = [sys.executable, "-m", "tools.accelerator_check.child"]
  command += [part.name, str(work), options.platform]
  command += ["small" if options.small else "full"]
  end = time.monotonic() + limit
  while True:
    outcome = run_limited(
      command,
      max(0.0, end - time.monotonic()),
      work / f"{part.name}.log",
      ROOT,
      _environment(part, options),
    )
    if outcome.status != AGAIN:
      return outcome


def _environment(part: Part, options: argparse.Namespace) -> dict[str, str]:
  """Returns the variables that a part's process gets."""
  found = {
    "JAX_PLATFORMS": options.platform,
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "PYTHONUNBUFFERED": "1",
    # One device is checked, of however many.
    "CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0"),
  }
  if options.small:  # compiles much, computes little
    found["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
  return found | (_OF_STEP if part.name == "step" else {})


def _parsed(arguments: list[str]) -> argparse.Namespace:
  parser = argparse.ArgumentParser(prog="tools/accelerator_check.sh")
  parser.add_argument("--platform", default="cuda", help="JAX's; cpu: a try")
  parser.add_argument(
    "--small", action="store_true", help="tiny sizes, for a try on a CPU"
  )
  parser.add_argument("--minutes", type=_minutes, default=8.0)
  parser.add_argument("--out", type=_file, default="accelerator_check.json")
  parser.add_argument(
    "--elapsed", type=float, default=0.0, help="seconds that are gone already"
  )
  parser.add_argument("--command", default="", help="what the user typed")
  return parser.parse_args(arguments)


def _minutes(text: str) -> float:
  if not 0 < (minutes := float(text)) < 1440:
    raise argparse.ArgumentTypeError(f"expected minutes above 0, got {text}")
  return minutes


def _file(text: str) -> Path:
  path = Path(text)
  if not path.parent.is_dir():
    raise argparse.ArgumentTypeError(f"there is no folder {path.parent}")
  return path


def _say(line: str) -> None:
  print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
  sys.exit(main(sys.argv[1:]))
