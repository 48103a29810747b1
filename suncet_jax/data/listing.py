"""Lists of image files with their classes, from folders."""

from absl import logging
from etils import epath

from suncet_jax.data import storage
from suncet_jax.data.csv_list import images_of_csv
from suncet_jax.data.items import UNLABELLED, Item, first, join

_IMAGES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def labelled_images(setting: str, place: str) -> list[Item]:
  """Lists the images of class sub-folders, or of a CSV file.

  Args:
    setting: The configuration's field, for messages.
    place: A folder with one sub-folder per class, or a CSV file with the
      columns path (relative to the file's folder) and label (empty:
      unlabelled).

  Returns:
    The images, sorted by path, or in the order of the CSV file.

  Raises:
    ValueError: If it cannot be read, holds no image, or is contradictory.
  """
  path = epath.Path(place)
  if path.suffix.lower() == ".csv":
    return images_of_csv(setting, path)
  files = _images_in(setting, place)
  loose = [name for name in files if "/" not in name]
  if loose:
    raise ValueError(
      f"{setting} {place!r} holds images outside of class sub-folders: "
      f"{first(loose)}. Move them into sub-folders named after their classes, "
      "or images without a class to a folder of their own "
      "(--config.data.unlabelled)."
    )
  items = [
    Item(join(place, name), name, name.partition("/")[0]) for name in files
  ]
  _check_no_empty_class(setting, place, {item.label for item in items})
  return items


def unlabelled_images(setting: str, place: str) -> list[Item]:
  """Lists all images below a folder, as unlabelled ones.

  Raises:
    ValueError: If it cannot be read, or holds no image.
  """
  files = _images_in(setting, place)
  return [Item(join(place, name), name, UNLABELLED) for name in files]


def _images_in(setting: str, place: str) -> list[str]:
  """Lists the images below a folder, as paths relative to it."""
  try:
    names = list(storage.files_below(place))
  except OSError as error:
    raise ValueError(
      f"{setting} {place!r} cannot be read ({error}); expected a folder of "
      f"images. Set --config.{setting}."
    ) from error
  images = [name for name in names if name.lower().endswith(_IMAGES)]
  others = [name for name in names if not name.lower().endswith(_IMAGES)]
  if not images:
    raise ValueError(
      f"{setting} {place!r} holds no image; expected files that end in "
      f"{', '.join(_IMAGES)}. Set --config.{setting}."
    )
  if others:
    logging.warning(
      "%s: %d files below %s are no images by their name and are left out: %s.",
      setting,
      len(others),
      place,
      first(others),
    )
  return images


def _check_no_empty_class(setting: str, place: str, filled: set[str]) -> None:
  empty = sorted(set(storage.folders_in(place)) - filled)
  if empty:
    raise ValueError(
      f"{setting} {place!r} has {len(empty)} class folders without an "
      f"image: {first(empty)}. Fill or remove them."
    )
