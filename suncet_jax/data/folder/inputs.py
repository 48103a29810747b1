"""Image files to look at: single files, folders, and CSV lists of paths."""

import os
from collections.abc import Iterable

from etils import epath

from suncet_jax.data.folder.csv_list import images_of_csv
from suncet_jax.data.folder.items import UNLABELLED, Item, join
from suncet_jax.data.folder.listing import is_image
from suncet_jax.errors import UserError
from suncet_jax.files.paths import expanded
from suncet_jax.files.text import readable
from suncet_jax.files.tree import tree_of

_WHOSE = "images"


def listed(places: Iterable[epath.PathLike]) -> list[Item]:
  """Lists image files, in the order of the places.

  Args:
    places: Files, folders whose images are taken with those of sub-folders,
      sorted, and CSV lists with a column path; local or in a bucket.

  Returns:
    The files; a file that is given twice is there twice.

  Raises:
    UserError: If a place is not there, or holds no image.
  """
  items = [item for place in places for item in _of_place(place)]
  if not items:
    raise UserError("No images are given; expected files, folders or a list.")
  return items


def _of_place(place: epath.PathLike) -> list[Item]:
  path = expanded(place)
  if path.is_dir():
    return _of_folder(os.fspath(path))
  if not path.exists():
    raise UserError(
      f"There is no file or folder {readable(os.fspath(path))!r}; expected an "
      "image, a folder of images, or a CSV file with a column path."
    )
  if path.suffix.lower() == ".csv":
    return images_of_csv(_WHOSE, path, needs_label=False)
  # A file that is named is tried, whatever its suffix.
  text = os.fspath(path)
  return [Item(text, readable(text), UNLABELLED)]


def _of_folder(folder: str) -> list[Item]:
  try:
    names = tree_of(folder).files
  except OSError as error:
    raise UserError(f"{folder!r} cannot be read ({error}).") from error
  found = [join(folder, name) for name in names if is_image(name)]
  if not found:
    raise UserError(
      f"{readable(folder)!r} holds no image; expected files that end in .jpg, "
      ".jpeg, .png, .webp or .bmp."
    )
  return [Item(path, readable(path), UNLABELLED) for path in found]
