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
    factor: [b, k] float32 of the blends, in their order.
    reference: [b, k] int32 values of `Reference`, in the same order.
    hue_place: [b] int32, how many of the blends come before the hue.
    hue_shift: [b] float32, in turns.
  """

  factor: jax.Array
  reference: jax.Array
  hue_place: jax.Array
  hue_shift: jax.Array


def random_jitter(
  planes: Planes, unit: jax.Array, augmentation: Augmentation
) -> Planes:
  """Changes brightness, contrast, saturation and hue, in an order per image.

  Args:
    planes: c arrays [b, h, w], float32 in [0, 1]; c is 1 or 3.
    unit: [b, 7] uniform draws, `Draws.jitter`.
    augmentation: Gives `jitter_prob` and the four strengths.

  Returns:
    c arrays [b, h, w], float32 in [0, 1].
  """
  has_colour = len(planes) == 3
  strengths = blend_strengths(augmentation, has_colour)
  jitter = sample_jitter(unit, augmentation, strengths)
  factor, reference = jitter.factor, jitter.reference
  if not (has_colour and augmentation.hue):
    return blend_in_order(planes, factor, reference, strengths)
  # One turn of the hue, with all blends before it and all after it, those not
  # due having a factor of 1: cheaper than a turn in every place.
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
    planes: c arrays [b, h, w], float32 in [0, 1]; c is 1 or 3.
    unit: [b, 1] uniform draws, `Draws.grayscale`.
    probability: Probability of a grey image.

  Returns:
    c arrays [b, h, w], float32 in [0, 1]; equal ones for grey images.
  """
  grey = (luma(planes),) * len(planes)
  return where(unit[:, 0] < probability, grey, planes)


def blend_strengths(
  augmentation: Augmentation, has_colour: bool
) -> dict[Reference, float]:
  """Returns the strengths of those blends that have an effect."""
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
  """Draws the operations of each image, all orders being equally likely.

  Args:
    unit: [b, 7] uniform draws, `Draws.jitter`.
    augmentation: Gives `jitter_prob` and the strength of the hue.
    strengths: Those of the k blends.

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
