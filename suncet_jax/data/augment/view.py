"""Views, made partly on the host and partly on the device."""

import dataclasses
import functools
from collections.abc import Mapping

import jax
from ml_collections import ConfigDict

from suncet_jax.config.data_fields import OTHER_VIEWS
from suncet_jax.data.augment.transform import augment
from suncet_jax.data.source import Crop
from suncet_jax.data.views import Augmentation
from suncet_jax.errors import UserError

# Groups of the configuration that are not named as their views are.
_GROUPS = {"view": "augment", "small": "augment"}


@dataclasses.dataclass(frozen=True)
class View:
  """Recipe of one kind of view; hashable, static under jit.

  Attributes:
    augmentation: Parameters of the augmentation.
    is_cropped: Whether the source crops on the host, as it does for image
      files; otherwise the device does everything.
  """

  augmentation: Augmentation
  is_cropped: bool = False

  @property
  def size(self) -> int:
    """Height and width, in pixels."""
    return self.augmentation.size

  @property
  def host_crop(self) -> Crop | None:
    """Crop for the source to make; None if it provides whole images."""
    if not self.is_cropped:
      return None
    a = self.augmentation
    return Crop(a.size, a.crop_scale or (1.0, 1.0), a.crop_ratio)

  def on_device(self, pixels: jax.Array, keys: jax.Array) -> jax.Array:
    """Draws a view of each image; for use inside a jitted step.

    Args:
      pixels: Images that the source provides, uint8 [b, h, w, c].
      keys: Typed PRNG keys [b].

    Returns:
      float32 [b, size, size, c].
    """
    return augment(pixels, keys, self._of_device)

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
    name: _view(_GROUPS.get(name, name), made, is_cropped=is_cropped)
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
