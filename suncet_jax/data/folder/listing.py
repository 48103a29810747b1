"""Lists of image files with their classes, from folders and CSV files."""

from collections.abc import Callable, Collection, Iterable, Sequence

from absl import logging

from suncet_jax.console.words import shorten
from suncet_jax.data.folder.csv_list import images_of_csv
from suncet_jax.data.folder.items import (
  IMAGES,
  UNLABELLED,
  VIDEOS,
  Item,
  Kind,
  join,
)
from suncet_jax.data.folder.levels import check_classes_apart, check_level
from suncet_jax.errors import UserError
from suncet_jax.files.paths import expanded
from suncet_jax.files.text import composed, readable
from suncet_jax.files.tree import Tree, folders_in, tree_of


def labelled_images(
  setting: str,
  place: str,
  known: Collection[str] = (),
  kind: Kind = IMAGES,
) -> list[Item]:
  """Lists the images of class sub-folders, or of a CSV file.

  Args:
    setting: Name of the configuration's field, for messages.
    place: Folder with one sub-folder per class, or CSV file with the columns
      path (relative to the file's folder) and label (empty means unlabelled).
    known: Names of classes that are known already.
    kind: Kind of the files.

  Returns:
    The images, sorted by path, or in the order of the CSV file.

  Raises:
    ValueError: If the place cannot be read, holds no image, or is
      inconsistent.
  """
  path = expanded(place)
  if path.suffix.lower() == ".csv":
    return images_of_csv(setting, path)
  tree = _files_in(setting, place, kind)
  loose = [name for name in tree.files if "/" not in name]
  if loose:
    raise UserError(
      f"{setting} {place!r} holds {kind.noun}s outside of class sub-folders: "
      f"{shorten(loose)}. Move them into sub-folders named after their "
      f"classes, or {kind.noun}s without a class to a folder of their own "
      "(--config.data.unlabelled)."
    )
  check_level(setting, place, tree.files, known)
  check_classes_apart(setting, place, tree.again)
  items = _items(place, tree, lambda name: name.partition("/")[0])
  _check_no_empty_class(setting, place, [item.label for item in items], kind)
  return items


def unlabelled_images(
  setting: str, place: str, kind: Kind = IMAGES
) -> list[Item]:
  """Lists all images below a folder, without labels.

  Raises:
    ValueError: If the folder cannot be read, or holds no image.
  """
  tree = _files_in(setting, place, kind)
  return _items(place, tree, lambda name: UNLABELLED)


def _items(
  place: str, tree: Tree, label_of: Callable[[str], str]
) -> list[Item]:
  """Returns the files of a tree, sorted by their readable names."""
  # A copy on another machine may have the other form of Unicode, but must have
  # the same order.
  items = [
    Item(join(place, name), readable(name), label_of(name))
    for name in tree.files
  ]
  return sorted(items, key=lambda item: item.name)


def _files_in(setting: str, place: str, kind: Kind) -> Tree:
  """Lists the files of a kind below a folder; warns of what is left out."""
  try:
    tree = tree_of(place)
  except OSError as error:
    raise UserError(
      f"{setting} {place!r} cannot be read ({error}); expected a folder of "
      f"{kind.noun}s. Set --config.{setting}."
    ) from error
  images = [name for name in tree.files if kind.has(name)]
  others = [name for name in tree.files if not kind.has(name)]
  if not images:
    are_videos = kind is IMAGES and any(map(VIDEOS.has, others))
    advice = " Videos are for --config=clips." if are_videos else ""
    raise UserError(
      f"{setting} {place!r} holds no {kind.noun}; expected files that end in "
      f"{', '.join(kind.suffixes)}. Set --config.{setting}.{advice}"
    )
  if others:
    logging.warning(
      "%s: %d files below %s have no %s suffix and are left out: %s.",
      setting,
      len(others),
      place,
      kind.noun,
      shorten(others),
    )
  _warn_of_left_out(setting, place, tree.left_out, kind)
  return tree._replace(files=images)


def is_image(name: str) -> bool:
  """Returns whether the suffix of a name is that of an image file."""
  return IMAGES.has(name)


def _warn_of_left_out(
  setting: str, place: str, names: Sequence[str], kind: Kind
) -> None:
  """Warns of hidden files, and of folders that may hold some."""
  # Hidden files of other kinds, such as .DS_Store, are nobody's concern.
  shown = [name for name in names if name.endswith("/") or kind.has(name)]
  if shown:
    logging.warning(
      "%s: %d hidden %ss and folders, or folders of systems, below %s are "
      "left out: %s.",
      setting,
      len(shown),
      kind.noun,
      place,
      shorten(shown),
    )


def _check_no_empty_class(
  setting: str, place: str, filled: Iterable[str], kind: Kind
) -> None:
  empty = sorted(
    set(map(composed, folders_in(place))) - set(map(composed, filled))
  )
  if empty:
    raise UserError(
      f"{setting} {place!r} has {len(empty)} class folders without "
      f"{'an' if kind is IMAGES else 'a'} {kind.noun}: {shorten(empty)}. "
      "Fill or remove them."
    )
