"""What `augment` and `to_float` expect of their arguments."""

import jax
import jax.numpy as jnp

from suncet_jax.data.augment.augmentation import Augmentation

_KEY_IMPL = "threefry2x32"


def check_images(images: jax.Array, augmentation: Augmentation) -> None:
  """Raises if images are not what the augmentation works on."""
  is_float = jnp.issubdtype(images.dtype, jnp.floating)
  if images.dtype != jnp.uint8 and not is_float:
    raise TypeError(
      f"images must be uint8 or floating point in [0, 1], got {images.dtype}."
    )
  if images.ndim != 4 or images.shape[3] not in (1, 3):
    raise ValueError(
      f"images must be [b, h, w, c] with c 1 or 3, got shape {images.shape}."
    )
  if augmentation.mean and len(augmentation.mean) != images.shape[3]:
    raise ValueError(
      f"mean and std must have one value per channel: images have "
      f"{images.shape[3]} channels, mean is {augmentation.mean}."
    )


def check_keys(keys: jax.Array, count: int) -> None:
  """Raises if there is not one usable key per image."""
  if not jnp.issubdtype(keys.dtype, jax.dtypes.prng_key):
    raise TypeError(
      f"keys must be typed PRNG keys (jax.random.key), got {keys.dtype}."
    )
  if keys.shape != (count,):
    raise ValueError(
      f"keys must be one per image, shape {(count,)}, got {keys.shape}."
    )
  implementation = str(jax.random.key_impl(keys))
  if implementation != _KEY_IMPL:
    # Under vmap "rbg" draws the whole batch from its first key.
    raise ValueError(
      f"keys must be of implementation {_KEY_IMPL!r}, got {implementation!r}: "
      "make them with jax.random.key(seed, impl=...)."
    )
