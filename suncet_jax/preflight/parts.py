"""Parts of a training step that the operations of a program belong to."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from suncet_jax.preflight.frames import Frame

AUGMENTATION = "augmentation"
FORWARD = "forward"
BACKWARD = "backward"
LOSSES = "losses"
OPTIMIZER = "optimizer"
CHECK = "check for finite numbers"
LOG = "log"
OTHER = "other"
PARTS = (AUGMENTATION, FORWARD, BACKWARD, LOSSES, OPTIMIZER, CHECK, LOG, OTHER)

_PACKAGE = "suncet_jax"
_NETWORK = "network"
_STEP = ("train", "step.py")
# Lines that only hand on what others ask for.
_PLUMBING = (("convolution",), ("models", "conv.py"), ("calls.py",))
# Where a line of ours belongs, by the beginning of its file's path within the
# package; the first that fits, so that the encoder is none of the losses.
_ROOMS = (
  (("data", "augment"), AUGMENTATION),
  (("losses",), LOSSES),
  (("models",), _NETWORK),
  (("convolution",), _NETWORK),
  (("methods", "encode.py"), _NETWORK),
  (("methods",), LOSSES),
  (("optim",), OPTIMIZER),
)
_FUNCTIONS_OF_STEP = {
  "make_views": AUGMENTATION,
  "_is_finite": CHECK,
  "_advance": OPTIMIZER,
  "_averaged": OPTIMIZER,
  "make_step": LOG,
}


def part_of(op_name: str, frames: Sequence[Frame]) -> str:
  """Returns the part of an operation, one of `PARTS`.

  Args:
    op_name: Name of the JAX operation.
    frames: Calls that made it, the innermost first.
  """
  found = next(filter(None, map(_room, frames)), "")
  if found in ("", _NETWORK) and "transpose(" in op_name:
    return BACKWARD
  if found == _NETWORK or (not found and "jvp(" in op_name):
    return FORWARD
  return found or OTHER


def source_of(frames: Sequence[Frame]) -> str:
  """Returns the innermost line that asks for an operation, as "file:line".

  It is ours or the user's; not a library's, and none of our wrappers.

  Args:
    frames: Calls that made an operation, the innermost first.
  """
  frame = next((each for each in frames if not _is_passed(each)), None)
  if frame is None:
    return ""
  inside = _inside(frame.file)
  place = "/".join((_PACKAGE, *inside)) if inside else Path(frame.file).name
  return f"{place}:{frame.line}"


def _room(frame: Frame) -> str:
  inside = _inside(frame.file)
  if inside == _STEP:
    return _FUNCTIONS_OF_STEP.get(frame.function.partition(".")[0], "")
  return next(
    (part for start, part in _ROOMS if inside[: len(start)] == start), ""
  )


def _inside(file: str) -> tuple[str, ...]:
  """Returns the path of a file within our package; empty outside of it."""
  parts = Path(file).parts
  if _PACKAGE not in parts:
    return ()
  last = len(parts) - 1 - parts[::-1].index(_PACKAGE)
  return tuple(itertools.islice(parts, last + 1, None))


def _is_passed(frame: Frame) -> bool:
  inside = _inside(frame.file)
  if inside:
    return any(inside[: len(start)] == start for start in _PLUMBING)
  return bool({"site-packages", "dist-packages"} & set(Path(frame.file).parts))
