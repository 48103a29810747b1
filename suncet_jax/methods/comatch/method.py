"""CoMatch: pseudo-labels and embeddings that teach each other."""

import dataclasses

from ml_collections import ConfigDict

from suncet_jax.data.sampling.build import default_classes_per_batch
from suncet_jax.errors import UserError
from suncet_jax.methods.comatch.momentum import MomentumCoMatch
from suncet_jax.methods.comatch.step import CoMatch

_BANK_STEPS = 5
_MOST_BYTES = 4e9  # of the banks, on each device


def build(config: ConfigDict, class_count: int) -> CoMatch:
  """Builds CoMatch from `config.method`.

  Args:
    config: The whole configuration; sizes of batches and of the projection are
      read, too.
    class_count: Number of classes.

  Raises:
    UserError: If the banks would be too large, or would not hold a step.
  """
  fields = {key: value for key, value in config.method.items() if key != "name"}
  has_teacher = fields.pop("momentum_encoder")
  momenta = {key: fields.pop(key) for key in ("momentum", "first_momentum")}
  pushed = _rows(config, class_count)
  made = CoMatch(
    class_count,
    config.model.head.out,
    fields.pop("bank_rows") or _BANK_STEPS * pushed,
    **fields,
  )
  _check_banks(made, has_teacher, pushed)
  if not has_teacher:
    return made
  return MomentumCoMatch(**dataclasses.asdict(made), **momenta)


def _rows(config: ConfigDict, class_count: int) -> int:
  """Returns the number of rows that a step pushes into the bank."""
  labelled = config.data.labelled
  classes = labelled.classes_per_batch or default_classes_per_batch(class_count)
  of_labelled = classes * labelled.images_per_class * labelled.views
  return config.data.batch_size + of_labelled


def _check_banks(method: CoMatch, has_teacher: bool, pushed: int) -> None:
  """Raises an error if the banks are too small or too large for a device."""
  count = (method.smoothing < 1) + (has_teacher and method.graph_weight > 0)
  row = 4 * (method.projection_size + method.class_count)
  # Labelled rows come last into the bank: a smaller one would never hold any.
  if count and method.bank_rows < pushed:
    raise UserError(
      f"method.bank_rows is {method.bank_rows}, less than the {pushed} rows of "
      "a step, unlabelled and labelled, expected at least these (0: those of "
      f"{_BANK_STEPS} steps)."
    )
  total = count * method.bank_rows * row
  if total > _MOST_BYTES:
    raise UserError(
      f"method.bank_rows is {method.bank_rows}: banks of {total / 1e9:.1f} GB "
      f"would lie on every device, expected at most {_MOST_BYTES / 1e9:.0f} "
      f"GB, {int(_MOST_BYTES / count / row)} rows."
    )
