"""Parameters of the augmentation: one hashable value, static under jit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Self

from suncet_jax.errors import UserError

_MAX_HUE = 0.5  # half a turn each way reaches every hue

Pair = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Augmentation:
  """Parameters of the augmentation, by default those of SimCLR for colour.

  Operations are applied in the order of the fields. An operation with
  probability or strength 0 is left out of the compiled program. Saturation, hue
  and grayscale do not apply to images of one channel.

  Source: SimCLR (arXiv 2002.05709), appendix A; the ranges of factors are
  those of torchvision's `ColorJitter` and `RandomResizedCrop`.

  Attributes:
    size: Height and width of the result, in pixels.
    crop_scale: Range of the crop's area as a fraction of the image; None means
      no crop, and then images must come with height and width `size`.
    crop_ratio: Range of the crop's width / height, drawn log-uniformly.
    pad_crop: Pixels p of a mirrored border from which a window of the same
      size is taken, in place of the resized crop; 0: none.
    flip_prob: Probability of a mirror image, left to right.
    operations: Layers of RandAugment's 14 operations.
    operation_prob: Probability of an operation, per layer.
    operation_levels: Least and largest level of an operation, integers of 10.
    cutout: Side of a grey square as a share of the image's, on every image.
    jitter_prob: Probability of the four colour operations that follow.
    brightness: Strength x; the factor is uniform in [max(0, 1 - x), 1 + x].
    contrast: Strength, as for `brightness`.
    saturation: Strength, as for `brightness`.
    hue: Strength x; the shift is uniform in [-x, x], in turns of the colour
      circle.
    grayscale_prob: Probability of dropping the colours.
    blur_prob: Probability of a Gaussian blur.
    blur_sigma: Range of the blur's standard deviation, in pixels of the result.
    solarize_prob: Probability of inverting pixels at or above a threshold
      uniform in [0, 1).
    equalize_prob: Probability of flattening each channel's histogram.
    mean: Mean per channel, subtracted at the end, in units of [0, 1]; empty
      means none.
    std: Standard deviation per channel, divided by after that; empty exactly
      if `mean` is.

  Raises:
    ValueError: If a value is out of range; the message names all such values.
  """

  size: int
  crop_scale: Pair | None
  crop_ratio: Pair = (3 / 4, 4 / 3)
  pad_crop: int = 0
  flip_prob: float = 0.5
  operations: int = 0
  operation_prob: float = 0.5
  operation_levels: tuple[int, int] = (1, 9)
  cutout: float = 0.0
  jitter_prob: float = 0.8
  brightness: float = 0.8
  contrast: float = 0.8
  saturation: float = 0.8
  hue: float = 0.2
  grayscale_prob: float = 0.2
  blur_prob: float = 0.5
  blur_sigma: Pair = (0.1, 2.0)
  solarize_prob: float = 0.0
  equalize_prob: float = 0.0
  mean: tuple[float, ...] = ()
  std: tuple[float, ...] = ()

  def __post_init__(self) -> None:
    """Reports every value out of range in one error."""
    faults = [*_number_faults(self), *_range_faults(self), *_std_faults(self)]
    if faults:
      raise UserError("Augmentation: " + "; ".join(faults) + ".")

  @classmethod
  def from_config(cls, config: Mapping[str, Any]) -> Self:
    """Makes an augmentation from a mapping, e.g. part of a `ConfigDict`.

    Args:
      config: Mapping from field names to values; lists become tuples.

    Returns:
      The augmentation, with defaults for missing fields.

    Raises:
      ValueError: If a name is not a field, or a value is out of range.
    """
    values: dict[str, Any] = {
      name: tuple(value) if isinstance(value, list) else value
      for name, value in config.items()
    }
    names = [field.name for field in dataclasses.fields(cls)]
    unknown = sorted(set(values) - set(names))
    if unknown:
      raise UserError(f"Augmentation has no {unknown}, expected {names}.")
    return cls(**values)


def _number_faults(augmentation: Augmentation) -> Iterator[str]:
  """Yields the faults of single numbers."""
  if augmentation.size < 1:
    yield f"size must be at least 1, got {augmentation.size}"
  for field in dataclasses.fields(augmentation):
    value = getattr(augmentation, field.name)
    if field.name.endswith("_prob") and not 0 <= value <= 1:
      yield f"{field.name} must be in [0, 1], got {value}"
  if not 0 <= augmentation.pad_crop < augmentation.size:
    yield (
      f"pad_crop must be at least 0 and below size, got {augmentation.pad_crop}"
    )
  if augmentation.operations < 0:
    yield f"operations must be at least 0, got {augmentation.operations}"
  if not 0 <= augmentation.cutout <= 1:
    yield f"cutout must be in [0, 1], got {augmentation.cutout}"
  for name in ("brightness", "contrast", "saturation"):
    value = getattr(augmentation, name)
    if not value >= 0:
      yield f"{name} must be at least 0, got {value}"
  if not 0 <= augmentation.hue <= _MAX_HUE:
    yield f"hue must be in [0, {_MAX_HUE}], got {augmentation.hue}"


def _range_faults(augmentation: Augmentation) -> Iterator[str]:
  """Yields the faults of pairs (low, high)."""
  for name, limit in (
    ("crop_scale", 1.0),
    ("operation_levels", 10),
    ("crop_ratio", float("inf")),
    ("blur_sigma", float("inf")),
  ):
    pair = getattr(augmentation, name)
    if name == "crop_scale" and pair is None:
      continue
    if len(pair) != 2 or not 0 < pair[0] <= pair[1] <= limit:
      wanted = f"(low, high) with 0 < low <= high <= {limit}"
      yield f"{name} must be {wanted}, got {pair}"


def _std_faults(augmentation: Augmentation) -> Iterator[str]:
  """Yields the faults of the normalization."""
  mean, std = augmentation.mean, augmentation.std
  if len(mean) != len(std):
    yield f"mean and std must be equally long, got {mean} and {std}"
  if not all(value > 0 for value in std):
    yield f"std must be positive, got {std}"
