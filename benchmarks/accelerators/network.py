"""Layers of the network, forward and backward."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from benchmarks.accelerators.pieces import (
  Piece,
  Size,
  array,
  name_of,
  with_gradient,
)
from benchmarks.step.layers import norm_forms
from suncet_jax import convolution
from suncet_jax.models import pool
from suncet_jax.models.dense import Dense
from suncet_jax.models.numerics import Numerics

_FEATURES = 2048


def pieces(size: Size) -> dict[str, Piece]:
  """Returns the layers of ResNet-50 that this package has of its own, by name.

  Args:
    size: Sizes of the activations.
  """
  return {
    "pool": _max_pool(size),
    "norm": _norm(size),
    "dense": _dense(size),
    "convolution": _convolution(size),
  }


def _max_pool(size: Size) -> Piece:
  side = size.pixels // 2
  shape = (size.rows, side, side, 64)
  result = (size.rows, side // 2, side // 2, 64)
  forms: dict[str, Callable[..., Any]] = {
    "XLA's": pool._of_xla,
    "by places, made for the CPU": pool._by_places,
    "what `max_pool` chooses": pool.max_pool,
  }
  return Piece(
    f"max pool {name_of(shape)}",
    {name: with_gradient(form) for name, form in forms.items()},
    (array(result, size.dtype), array(shape, size.dtype)),
  )


def _norm(size: Size) -> Piece:
  side, channels = size.pixels // 4, 256
  shape = (size.rows, side, side, channels)
  activation, channel = array(shape, size.dtype), array((channels,))
  return Piece(
    f"batch norm and ReLU {name_of(shape)}",
    {
      whose: with_gradient(form)
      for whose, form in norm_forms(size.dtype).items()
    },
    (activation, activation, channel, channel),
  )


def _dense(size: Size) -> Piece:
  numerics = Numerics(size.dtype, jnp.float32)
  layers = {
    "Flax's": nn.Dense(_FEATURES, dtype=size.dtype),
    "ours": Dense(_FEATURES, numerics),
  }

  def form(layer: nn.Module) -> Callable[..., Any]:
    def run(x: jax.Array, kernel: jax.Array, bias: jax.Array) -> Any:
      return layer.apply({"params": {"kernel": kernel, "bias": bias}}, x)

    return with_gradient(run)

  shape = (size.rows, _FEATURES)
  rows = array(shape, size.dtype)
  kernel, bias = array((_FEATURES, _FEATURES)), array((_FEATURES,))
  return Piece(
    f"dense with bias {name_of(shape)}",
    {name: form(layer) for name, layer in layers.items()},
    (rows, rows, kernel, bias),
  )


def _convolution(size: Size) -> Piece:
  side = size.pixels // 4
  shape = (size.rows, side, side, 64)

  def plain(images: jax.Array, kernel: jax.Array) -> jax.Array:
    return jax.lax.conv_general_dilated(
      images,
      kernel.astype(images.dtype),
      window_strides=(1, 1),
      padding="SAME",
      dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )

  images = array(shape, size.dtype)
  return Piece(
    f"convolution 3x3 {name_of(shape)}",
    {
      "`jax.lax`'s, kernel cast": with_gradient(plain),
      "ours": with_gradient(convolution.convolve),
    },
    (images, images, array((3, 3, 64, 64))),
  )
