"""Checks that no image file occurs twice, by whatever path."""

from collections.abc import Hashable, Sequence

from suncet_jax.console.words import shorten
from suncet_jax.data.folder.items import Item
from suncet_jax.errors import UserError
from suncet_jax.files.identity import identities

_ONCE = "by whatever path; a link counts as the file that it leads to"


def without_known(items: Sequence[Item], known: Sequence[Item]) -> list[Item]:
  """Returns the items whose file is none of the known ones, by whatever path.

  Args:
    items: Image files, such as those of a folder of unlabelled ones.
    known: Image files that count already, such as those with a label.
  """
  keys = set(identities([item.path for item in known]))
  found = identities([item.path for item in items])
  return [
    item for key, item in zip(found, items, strict=True) if key not in keys
  ]


def check_distinct(train: Sequence[Item], test: Sequence[Item]) -> None:
  """Checks that no file occurs twice, even by links or different paths.

  It costs one `stat` per file on a disk. In a bucket paths are compared.

  Raises:
    UserError: If a file occurs twice. A test image that is trained on would
      make the final figures meaningless.
  """
  trained, twice = _by_file(train)
  if twice:
    raise UserError(
      f"{len(twice)} training images occur twice, as {shorten(twice)}. Each "
      "file may be listed once in --config.data.train, and once in "
      f"--config.data.unlabelled, {_ONCE}."
    )
  tested, twice = _by_file(test)
  shared = [
    _pair(item, trained[key]) for key, item in tested.items() if key in trained
  ]
  if shared:
    raise UserError(
      f"{len(shared)} test images are training images too: {shorten(shared)}. "
      "Set --config.data.test to images that --config.data.train and "
      f"--config.data.unlabelled do not hold, {_ONCE}."
    )
  if twice:
    raise UserError(
      f"{len(twice)} test images occur twice, as {shorten(twice)}. Each file "
      f"may be listed once in --config.data.test, {_ONCE}."
    )


def _by_file(items: Sequence[Item]) -> tuple[dict[Hashable, Item], list[str]]:
  """Returns the first item of each file, and descriptions of the others."""
  first: dict[Hashable, Item] = {}
  twice = []
  keys = identities([item.path for item in items])
  for key, item in zip(keys, items, strict=True):
    known = first.setdefault(key, item)
    if known is not item:
      twice.append(_pair(item, known))
  return first, twice


def _pair(item: Item, other: Item) -> str:
  """Returns a description of two items of one file."""
  if item.label != other.label:
    one, two = (f"({it.label or 'no label'})" for it in (item, other))
    return f"{item.path} {one} is {other.path} {two}"
  return (
    item.path if item.path == other.path else f"{item.path} is {other.path}"
  )
