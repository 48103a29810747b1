"""Views, made partly on the host and partly on the device."""

import dataclasses
import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp
from ml_collections import ConfigDict

from suncet_jax.config.data_fields import OTHER_VIEWS
from suncet_jax.data.augment.transform import augment, to_float
from suncet_jax.data.source import Crop
from suncet_jax.data.views import Augmentation
from suncet_jax.errors import UserError

# Groups of the configuration that are not named as their views are.
_GROUPS = {"view": "augment", "small": "augment"}


@dataclasses.dataclass(frozen=True)
class View:
  """Transform of images; see `suncet_jax.data.transform.Transform`.

  Attributes:
    augmentation: Parameters of the augmentation.
    is_cropped: Whether the source crops on the host, as it does for image
      files; otherwise the device does everything.
    plain_size: Height and width for evaluation, in pixels; 0: as they come.
  """

  augmentation: Augmentation
  is_cropped: bool = False
  plain_size: int = 0

  @property
  def size(self) -> int:
    """Height and width, in pixels."""
    return self.augmentation.size

  def host_crop(self) -> Crop | None:
    """Returns the crop for the source to make; None: it gives whole images."""
    if not self.is_cropped:
      return None
    a = self.augmentation
    return Crop(a.size, a.crop_scale or (1.0, 1.0), a.crop_ratio)

  def view(self, rows: jax.Array, keys: jax.Array) -> jax.Array:
    """Draws a view of each image; for use inside a jitted step.

    Args:
      rows: Images that the source provides, uint8 [b, h, w, c].
      keys: Typed PRNG keys [b].

    Returns:
      float32 [b, size, size, c].
    """
    return augment(rows, keys, self._of_device)

  def plain(self, rows: jax.Array) -> jax.Array:
    """Returns images resized and normalised, with nothing drawn.

    Args:
      rows: Images that the source provides for evaluation, uint8 [b, h, w, c].

    Returns:
      float32 [b, h, w, c], of `plain_size` if it is not 0.
    """
    return to_float(rows, self.augmentation, size=self.plain_size)

  def example(self, row_shape: tuple[int, int, int]) -> jax.ShapeDtypeStruct:
    """Returns the shape of a view of one image, [1, size, size, c].

    Args:
      row_shape: Shape (h, w, c) of the images.
    """
    shape = 1, self.size, self.size, row_shape[-1]
    return jax.ShapeDtypeStruct(shape, jnp.float32)

  @functools.cached_property
  def _of_device(self) -> Augmentation:
    if not self.is_cropped:
      return self.augmentation
    return dataclasses.replace(self.augmentation, crop_scale=None)


def named_views(config: ConfigDict, *, is_cropped: bool) -> Mapping[str, View]:
  """Returns the kinds of views that a method may request, by name.

  Args:
    config: The whole configuration; `augment`, `multicrop` and the groups of
      the method's own views are read.
    is_cropped: Whether the source crops on the host.

  Returns:
    "view" as in `config.augment`; "small", the same with the crops and the
    size of `config.multicrop`; "weak" and "strong" of the groups of these
    names, where the method has them.

  Raises:
    ValueError: If a view wants `pad_crop` of image files.
  """
  large = Augmentation.from_config(config.augment)
  small = dataclasses.replace(
    large,
    size=config.multicrop.size,
    crop_scale=tuple(config.multicrop.crop_scale),
    pad_crop=0,
  )
  found = {"view": large, "small": small}
  shared = {name: config.augment[name] for name in ("size", "mean", "std")}
  for name in OTHER_VIEWS.keys() & config.keys():
    found[name] = Augmentation.from_config({**config[name], **shared})
  return {
    name: dataclasses.replace(
      _view(_GROUPS.get(name, name), made, is_cropped=is_cropped),
      plain_size=config.evals.image_size,
    )
    for name, made in found.items()
  }


def _view(group: str, augmentation: Augmentation, *, is_cropped: bool) -> View:
  """Returns the view that a group of the configuration describes."""
  if is_cropped and augmentation.pad_crop:
    raise UserError(
      f"{group}.pad_crop is {augmentation.pad_crop}, but image files come as "
      f"resized crops; expected 0. Set {group}.crop_scale instead, such as "
      "(0.2, 1.0)."
    )
  return View(augmentation, is_cropped)
