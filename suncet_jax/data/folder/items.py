"""Image files with their classes, and a check for duplicates."""

import functools
import os
from collections.abc import Iterable
from typing import NamedTuple

from suncet_jax.console.words import shorten
from suncet_jax.errors import UserError

UNLABELLED = ""  # the class name of images without one


class Item(NamedTuple):
  """An image file.

  Attributes:
    path: Path or URL of the file.
    name: Path within its folder, or as written in the CSV file.
    label: Name of its class; empty means unlabelled.
  """

  path: str
  name: str
  label: str


def join(folder: str, name: str) -> str:
  """Returns the path of a file; a full path or URL stays unchanged."""
  return name if name.startswith("/") or "://" in name else f"{folder}/{name}"


def check_distinct(train: Iterable[Item], test: Iterable[Item]) -> None:
  """Checks that no file occurs twice, even by different paths.

  Raises:
    ValueError: If a file occurs twice. A test image that is trained on would
      make the final figures meaningless.
  """
  # Links are resolved once per folder, not once per file.
  real_folder = functools.lru_cache(None)(os.path.realpath)

  def real(item: Item) -> str:
    if "://" in item.path:
      return item.path
    folder, name = os.path.split(item.path)
    return os.path.join(real_folder(folder), name)

  seen: set[str] = set()
  twice = []
  for item in train:
    place = real(item)
    if place in seen:
      twice.append(item.path)
    seen.add(place)
  if twice:
    raise UserError(
      f"{len(twice)} training images occur twice, as {shorten(twice)}. Each "
      "file may be listed once in --config.data.train and "
      "--config.data.unlabelled."
    )
  shared = [item.path for item in test if real(item) in seen]
  if shared:
    raise UserError(
      f"{len(shared)} test images are training images too: {shorten(shared)}. "
      "Set --config.data.test to images that --config.data.train and "
      "--config.data.unlabelled do not hold."
    )
