"""Augmentation of a batch of images, and preparation for evaluation."""

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from suncet_jax.data.augment import blur, colour, draw, operations, planes, tone
from suncet_jax.data.augment.draw import Draws, ExtraDraws
from suncet_jax.data.augment.geometry import (
  crop_and_resize,
  random_flip,
  sample_boxes,
)
from suncet_jax.data.augment.planes import Planes
from suncet_jax.data.views import Augmentation
from suncet_jax.errors import UserError


@functools.partial(jax.jit, static_argnames="augmentation")
def augment(
  images: ArrayLike, keys: jax.Array, augmentation: Augmentation
) -> jax.Array:
  """Draws one view of each image.

  The order is crop, flip, operations, cutout, colour jitter, grayscale, blur,
  solarize, equalize, normalize. Image i of the result depends on `images[i]`,
  `keys[i]` and `augmentation` only, not on the rest of the batch or its layout
  over devices. Inside a jitted step the call is inlined.

  Args:
    images: Images [b, h, w, c], uint8, or floating point in [0, 1]; c is 1 or
      3.
    keys: Typed PRNG keys [b] (`jax.random.key`) of the default implementation.
    augmentation: Parameters of the augmentation.

  Returns:
    float32 [b, size, size, c], in [0, 1] before mean and std.

  Raises:
    TypeError: If `images` are of another integer type, or `keys` are untyped.
    ValueError: If shapes do not match, or the keys' implementation does not
      give each image its own stream.
  """
  images = jnp.asarray(images)
  check_images(images, augmentation)
  check_keys(keys, len(images))
  draws = draw.sample(keys)
  channels = planes.split(_to_unit(images))
  channels = _change_geometry(channels, keys, draws, augmentation)
  channels = _change_colours(channels, draws, augmentation)
  channels = _change_texture(channels, draws, augmentation)
  return normalize(planes.join(channels), augmentation)


@functools.partial(jax.jit, static_argnames=("augmentation", "size"))
def to_float(
  images: ArrayLike, augmentation: Augmentation, *, size: int = 0
) -> jax.Array:
  """Prepares images for evaluation: same range of values, no randomness.

  Args:
    images: Images [b, h, w, c], uint8, or floating point in [0, 1].
    augmentation: Augmentation; mean and std are read.
    size: Height and width to resize to, in pixels; 0 keeps the size.

  Returns:
    float32 [b, h, w, c], in [0, 1] before mean and std.

  Raises:
    TypeError: If `images` are of another integer type.
    ValueError: If their shape does not match `augmentation`.
  """
  images = jnp.asarray(images)
  check_images(images, augmentation)
  values = _to_unit(images)
  if size and values.shape[1:3] != (size, size):
    shape = (values.shape[0], size, size, values.shape[3])
    values = jax.image.resize(values, shape, "linear")  # antialiased
  return normalize(values, augmentation)


def _change_geometry(
  images: Planes, keys: jax.Array, draws: Draws, augmentation: Augmentation
) -> Planes:
  """Applies crop, flip, operations and cutout."""
  a = augmentation
  # Drawn only if used, so that other programs do not change.
  extra = None
  if a.pad_crop or a.operations or a.cutout:
    extra = draw.sample_extra(keys, a.operations)
  images = _crop(images, draws, extra, a)
  if a.flip_prob:
    images = random_flip(images, draws.flip, a.flip_prob)
  if extra is not None and a.operations:
    images = operations.random_operations(
      images, extra.operations, a.operation_prob, a.operation_levels
    )
  if extra is not None and a.cutout:
    images = operations.random_cutout(images, extra.cutout, a.cutout)
  return images


def _crop(
  images: Planes,
  draws: Draws,
  extra: ExtraDraws | None,
  augmentation: Augmentation,
) -> Planes:
  _, h, w = images[0].shape
  size = augmentation.size
  if augmentation.crop_scale is not None and not augmentation.pad_crop:
    boxes = sample_boxes(
      draws.crop, (h, w), augmentation.crop_scale, augmentation.crop_ratio
    )
    images = crop_and_resize(images, boxes, size)
  elif (h, w) != (size, size):
    raise UserError(
      f"images are {h} x {w} and augmentation.size is {size}: without "
      "crop_scale, or with pad_crop, they must already have that size."
    )
  if extra is not None and augmentation.pad_crop:
    images = operations.random_pad_crop(
      images, extra.pad_crop, augmentation.pad_crop
    )
  return images


def _change_colours(
  images: Planes, draws: Draws, augmentation: Augmentation
) -> Planes:
  """Applies jitter and grayscale."""
  if augmentation.jitter_prob:
    images = colour.random_jitter(images, draws.jitter, augmentation)
  if augmentation.grayscale_prob and len(images) == 3:
    images = colour.random_grayscale(
      images, draws.grayscale, augmentation.grayscale_prob
    )
  return images


def _change_texture(
  images: Planes, draws: Draws, augmentation: Augmentation
) -> Planes:
  """Applies blur, solarize and equalize."""
  if augmentation.blur_prob:
    images = blur.random_blur(
      images, draws.blur, augmentation.blur_prob, augmentation.blur_sigma
    )
  if augmentation.solarize_prob:
    images = tone.random_solarize(
      images, draws.solarize, augmentation.solarize_prob
    )
  if augmentation.equalize_prob:
    images = tone.random_equalize(
      images, draws.equalize, augmentation.equalize_prob
    )
  return images


def _to_unit(images: jax.Array) -> jax.Array:
  """Scales uint8 to float32 in [0, 1]; floating point is only cast."""
  if images.dtype == jnp.uint8:
    return images.astype(jnp.float32) / 255
  return images.astype(jnp.float32)


def normalize(images: jax.Array, augmentation: Augmentation) -> jax.Array:
  """Subtracts the mean and divides by std, per channel of [b, h, w, c]."""
  if not augmentation.mean:
    return images
  mean = jnp.array(augmentation.mean, jnp.float32)
  return (images - mean) / jnp.array(augmentation.std, jnp.float32)


_KEY_IMPL = "threefry2x32"


def check_images(images: jax.Array, augmentation: Augmentation) -> None:
  """Checks that images suit the augmentation."""
  is_float = jnp.issubdtype(images.dtype, jnp.floating)
  if images.dtype != jnp.uint8 and not is_float:
    raise TypeError(
      f"images must be uint8 or floating point in [0, 1], got {images.dtype}."
    )
  if images.ndim != 4 or images.shape[3] not in (1, 3):
    raise UserError(
      f"images must be [b, h, w, c] with c 1 or 3, got shape {images.shape}."
    )
  if augmentation.mean and len(augmentation.mean) != images.shape[3]:
    raise UserError(
      f"mean and std must have one value per channel: images have "
      f"{images.shape[3]} channels, mean is {augmentation.mean}."
    )


def check_keys(keys: jax.Array, count: int) -> None:
  """Checks that there is one usable key per image."""
  if not jnp.issubdtype(keys.dtype, jax.dtypes.prng_key):
    raise TypeError(
      f"keys must be typed PRNG keys (jax.random.key), got {keys.dtype}."
    )
  if keys.shape != (count,):
    raise UserError(
      f"keys must be one per image, shape {(count,)}, got {keys.shape}."
    )
  implementation = str(jax.random.key_impl(keys))
  if implementation != _KEY_IMPL:
    # Under vmap, "rbg" draws the whole batch from its first key.
    raise UserError(
      f"keys must be of implementation {_KEY_IMPL!r}, got {implementation!r}: "
      "make them with jax.random.key(seed, impl=...)."
    )
