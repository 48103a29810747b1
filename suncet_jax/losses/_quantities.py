"""What the tiles of a contrastive loss are given, and what they sum."""

import enum
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike, DTypeLike

# Weights of many keys are too small for float16, which ends at 6e-8; none is
# above 2 in magnitude.
_FLOAT16_FACTOR = 2.0**14


class Positives(enum.Enum):
  """The term of an anchor's loss that its positives contribute.

  Attributes:
    LOG_SUM_EXP: Logarithm of the sum of exp(logit).
    LOG_MEAN_EXP: Logarithm of the mean of exp(logit).
    MEAN: Mean logit.
    PAIR: Logit of the only positive, as rows 2i and 2i + 1 are a pair.
  """

  LOG_SUM_EXP = "log_sum_exp"
  LOG_MEAN_EXP = "log_mean_exp"
  MEAN = "mean"
  PAIR = "pair"

  @property
  def is_linear(self) -> bool:
    """Returns whether the term is linear in the logits."""
    return self in (Positives.MEAN, Positives.PAIR)


class Request(NamedTuple):
  """Rows that are anchors, keys or both.

  Attributes:
    units: Embeddings [n, d], no longer than 1, in the dtype of the product.
    labels: Integer labels [n].
    is_row: Mask [n] bool; the other rows are neither anchors nor keys.
    positions: Integer position [n] of each row among all rows.
  """

  units: jax.Array
  labels: jax.Array
  is_row: jax.Array
  positions: jax.Array


class Scale(NamedTuple):
  """Conversion of products of units to logits.

  Attributes:
    inverse_temperature: Scalar in the dtype of the sums.
    is_bounded: Whether the temperature is known to be so high that
      exp(logit - 1 / temperature) never underflows. One exponential then
      serves both rows of a pair; else each row has its own shift.
    matmul_dtype: Dtype of the operands of products; None keeps theirs.
  """

  inverse_temperature: jax.Array
  is_bounded: bool
  matmul_dtype: DTypeLike | None

  @property
  def weight_factor(self) -> float:
    """Returns the factor that keeps weights in the range of `matmul_dtype`."""
    return _FLOAT16_FACTOR if self.matmul_dtype == jnp.float16 else 1.0


class Sums(NamedTuple):
  """Sums of exponentials of logits, one for each anchor.

  Attributes:
    shift: Number [n] that was subtracted from the logits.
    total: Sum [n] of the exponentials.
  """

  shift: jax.Array
  total: jax.Array

  def log(self) -> jax.Array:
    """Returns the log-sum-exp, [n]; -inf where there was no term."""
    return self.shift + jnp.log(self.total)

  def log_minus(self, shift: ArrayLike, log_total: ArrayLike) -> jax.Array:
    """Returns the log-sum-exp less (shift + log_total), [n]."""
    # Both may be near 1 / temperature and near to each other: the shifts are
    # subtracted first, so that nothing is lost to rounding.
    return (self.shift - shift) + (jnp.log(self.total) - log_total)


class Statistics(NamedTuple):
  """Statistics of each anchor that its gradient depends on.

  Attributes:
    over_keys: Log-sum-exp [n] over keys; inf for a row that is not an anchor.
    over_positives: Log-sum-exp [n] over positives, or the logarithm of their
      number where their mean is taken; inf for a row that is not an anchor.
  """

  over_keys: jax.Array
  over_positives: jax.Array
