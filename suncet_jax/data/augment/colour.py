"""Colour jitter in random order, and grayscale, as torchvision defines them."""

import itertools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from suncet_jax.data.augment import draw
from suncet_jax.data.augment.blend import Reference, blend_in_order, shift_hue
from suncet_jax.data.augment.planes import Planes, luma, where
from suncet_jax.data.views import Augmentation


class Jitter(NamedTuple):
  """The colour operations of each image: k blends and one turn of the hue.

  Attributes:
    factor: Factors of the blends in their order, float32 [b, k].
    reference: Values of `Reference` in the same order, int32 [b, k].
    hue_place: Number of blends that come before the hue, int32 [b].
    hue_shift: Shifts of the hue in turns, float32 [b].
  """

  factor: jax.Array
  reference: jax.Array
  hue_place: jax.Array
  hue_shift: jax.Array


def random_jitter(
  planes: Planes, unit: jax.Array, augmentation: Augmentation
) -> Planes:
  """Changes brightness, contrast, saturation and hue, in random order.

  Args:
    planes: Images, c arrays [b, h, w], float32 in [0, 1]; c is 1 or 3.
    unit: Uniform draws [b, 7], `Draws.jitter`.
    augmentation: Augmentation; `jitter_prob` and four strengths are read.

  Returns:
    c arrays [b, h, w], float32 in [0, 1].
  """
  has_colour = len(planes) == 3
  strengths = blend_strengths(augmentation, has_colour)
  jitter = sample_jitter(unit, augmentation, strengths)
  factor, reference = jitter.factor, jitter.reference
  if not (has_colour and augmentation.hue):
    return blend_in_order(planes, factor, reference, strengths)
  # All blends run before and after a single turn of the hue, with a factor of
  # 1 where they are not due: cheaper than a turn at every position.
  is_before = np.arange(len(strengths)) < jitter.hue_place[:, None]
  before = jnp.where(is_before, factor, 1.0)
  after = jnp.where(is_before, 1.0, factor)
  planes = blend_in_order(planes, before, reference, strengths)
  planes = shift_hue(planes, jitter.hue_shift)
  return blend_in_order(planes, after, reference, strengths)


def random_grayscale(
  planes: Planes, unit: jax.Array, probability: float
) -> Planes:
  """Drops the colours of each image with some probability.

  Args:
    planes: Images, c arrays [b, h, w], float32 in [0, 1]; c is 1 or 3.
    unit: Uniform draws [b, 1], `Draws.grayscale`.
    probability: Probability of a grey image.

  Returns:
    c arrays [b, h, w], float32 in [0, 1]; equal to each other for grey images.
  """
  grey = (luma(planes),) * len(planes)
  return where(unit[:, 0] < probability, grey, planes)


def blend_strengths(
  augmentation: Augmentation, has_colour: bool
) -> dict[Reference, float]:
  """Returns the strengths of the blends that have an effect."""
  strengths = {
    Reference.BLACK: augmentation.brightness,
    Reference.MEAN: augmentation.contrast,
    Reference.GREY: augmentation.saturation if has_colour else 0.0,
  }
  return {key: value for key, value in strengths.items() if value > 0}


def sample_jitter(
  unit: jax.Array,
  augmentation: Augmentation,
  strengths: dict[Reference, float],
) -> Jitter:
  """Draws the operations of each image; all orders are equally likely.

  Args:
    unit: Uniform draws [b, 7], `Draws.jitter`.
    augmentation: Augmentation; `jitter_prob` and `hue` are read.
    strengths: Strengths of the k blends.

  Returns:
    The operations; images that are left alone get neutral ones.
  """
  k = len(strengths)
  is_jittered = unit[:, 0] < augmentation.jitter_prob
  order = _permutation(unit[:, 1], k)
  reference = np.array(list(strengths), np.int32)
  factor_unit = unit[:, 4 + reference]
  strength = np.array(list(strengths.values()), np.float32)
  factor = draw.between(
    factor_unit, np.maximum(0.0, 1.0 - strength), 1.0 + strength
  )
  factor = jnp.take_along_axis(factor, order, axis=1)
  shift = draw.between(unit[:, 3], -augmentation.hue, augmentation.hue)
  return Jitter(
    factor=jnp.where(is_jittered[:, None], factor, 1.0),
    reference=jnp.asarray(reference)[order],
    hue_place=jnp.floor(unit[:, 2] * (k + 1)).astype(jnp.int32),
    hue_shift=jnp.where(is_jittered, shift, 0.0),
  )


def _permutation(unit: jax.Array, k: int) -> jax.Array:
  """Turns [b] numbers uniform in [0, 1) into [b, k] uniform permutations."""
  table = np.array(list(itertools.permutations(range(k))), np.int32)
  return jnp.asarray(table)[jnp.floor(unit * len(table)).astype(jnp.int32)]
