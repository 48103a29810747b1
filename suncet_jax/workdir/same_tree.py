"""Comparison of the arrays in a checkpoint with those of the program."""

from typing import Any

import jax

from suncet_jax.errors import UserError


class TreeMismatchError(UserError):
  """A checkpoint holds other arrays than the program expects."""


def described(tree: Any) -> dict[str, str]:
  """Returns dtype and shape of every leaf, by path."""
  return {
    jax.tree_util.keystr(path): f"{leaf.dtype}{list(leaf.shape)}"
    for path, leaf in jax.tree.leaves_with_path(tree)
  }


def _differing(first: dict[str, str], second: dict[str, str]) -> list[str]:
  return [
    path
    for path in sorted(first.keys() | second.keys())
    if first.get(path) != second.get(path)
  ]


def check_same_tree(
  saved: dict[str, str], wanted: dict[str, str], step: int
) -> None:
  """Checks that a checkpoint holds the arrays that the program expects.

  Args:
    saved: Arrays of the checkpoint; see `described`.
    wanted: Arrays of the program.
    step: Step of the checkpoint.

  Raises:
    TreeMismatchError: If they differ; the first differences are listed.
  """
  differing = _differing(saved, wanted)
  if differing:
    lines = "\n".join(
      f"  {path}: {saved.get(path, 'absent')} -> {wanted.get(path, 'absent')}"
      for path in differing[:10]
    )
    raise TreeMismatchError(
      f"The checkpoint of step {step} is of another model or optimizer; "
      f"{len(differing)} leaves differ (saved -> wanted):\n{lines}\n"
      "Use another --workdir, or the version that the run began with."
    )
