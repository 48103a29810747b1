"""Flags of the commands that run grids."""

from collections.abc import Sequence

from absl import flags

from suncet_jax.errors import UserError

LABELS = flags.DEFINE_list(
  "labels", None, "Values of the configuration's argument `labels`."
)
SEEDS = flags.DEFINE_list(
  "seeds", ["0", "1", "2"], "Seeds; each makes a run of every method."
)
PARALLEL = flags.DEFINE_integer(
  "parallel", 1, "Runs side by side; they share the CPUs.", lower_bound=1
)


def numbers(name: str, values: Sequence[str]) -> list[int]:
  """Returns the numbers of a flag.

  Args:
    name: Name of the flag.
    values: Its words.

  Raises:
    UserError: If they are not whole numbers, each once.
  """
  found = [int(text) for text in values if text.isdecimal()]
  if not found or len(set(found)) < len(values):
    raise UserError(
      f"--{name} is {','.join(values)!r}, expected whole numbers, each once."
    )
  return found
