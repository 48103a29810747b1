"""Normalization of images as the weights want it that a run starts from."""

from typing import Any

import numpy as np

from suncet_jax.convert.weights import Weights
from suncet_jax.errors import UserError

_Values = tuple[float, ...]

# Half a step of a pixel of 8 bits: means are printed with two to four digits.
_SAME = 2e-3


def of(
  weights: Weights, channels: int, augment: Any
) -> tuple[_Values, _Values, str]:
  """Returns mean and std of the images of a run, and words about them.

  Args:
    weights: Weights that the run starts from.
    channels: Number of channels of the run's images.
    augment: `config.augment`, whose `mean` and `std` are what the user says;
      empty: nothing.

  Raises:
    UserError: If the user says otherwise than the weights' file.
  """
  mean = _over_channels(weights.images.mean, channels)
  std = _over_channels(weights.images.std, channels)
  given = tuple(augment.mean), tuple(augment.std)
  who = "as the weights' file says"
  if not weights.tells_images:
    who = "as is usual of such names, for the file does not tell"
  if not given[0]:
    return mean, std, f"images {_said(mean, std)}, {who}"
  if _is_same(given, (mean, std)):
    return *given, f"images {_said(*given)}, as config.augment says, {who}"
  if weights.tells_images:
    raise UserError(
      f"its images were {_said(mean, std)}, but config.augment has "
      f"{_said(*given)}. Leave augment.mean and augment.std empty "
      "(--config.augment.mean='()' --config.augment.std='()'), and they follow "
      "the weights."
    )
  return *given, (
    f"images {_said(*given)}, as config.augment says; usual of such names is "
    f"{_said(mean, std)}"
  )


def _over_channels(values: _Values, channels: int) -> _Values:
  """Returns a value per channel of the images: repeated, or their mean."""
  if not values or len(values) == channels:
    return tuple(values)
  if len(values) == 1:
    return tuple(values) * channels
  return (round(float(np.mean(values)), 6),) * channels


def _is_same(given: tuple[_Values, _Values], other: Any) -> bool:
  return len(given[0]) == len(other[0]) and np.allclose(
    given, other, rtol=0, atol=_SAME
  )


def _said(mean: _Values, std: _Values) -> str:
  if not mean:
    return "in [0, 1], not normalised"
  return f"normalised by mean {_digits(mean)}, std {_digits(std)}"


def _digits(values: _Values) -> str:
  return f"({', '.join(f'{x:.4g}' for x in values)})"
