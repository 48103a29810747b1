"""A test set that is split off the labelled images of a folder or list."""

import hashlib
from collections.abc import Sequence

import numpy as np

from suncet_jax.console.words import shorten
from suncet_jax.data.folder.classes import Classes
from suncet_jax.data.folder.items import Item
from suncet_jax.data.splits import by_class
from suncet_jax.errors import UserError


def split_off(
  items: Sequence[Item], classes: Classes, fraction: float, seed: int
) -> tuple[list[Item], list[Item]]:
  """Splits images into those to train with and those to test with.

  Of each class those with the smallest hashes of seed and name are taken. So
  the choice depends neither on their order nor on the place of their folder,
  and an image more or less in a class changes one other image at most.

  Args:
    items: Training images; those without a label stay training images.
    classes: Classes of the images.
    fraction: Share of each class that is split off, in (0, 1).
    seed: Seed of the choice.

  Returns:
    Training and test images, each in the order of `items`. Every class has at
    least one of both.

  Raises:
    UserError: If a class has a single image.
  """
  labels = np.array([classes.number(item.label) for item in items])
  groups = by_class(labels, len(classes.names))
  _check_two_each(groups, classes.names)
  taken: set[int] = set()
  for rows in groups:
    count = min(max(1, round(fraction * rows.size)), rows.size - 1)
    ranked = sorted(rows.tolist(), key=lambda i: _rank(items[i].name, seed))
    taken.update(ranked[:count])
  train = [item for i, item in enumerate(items) if i not in taken]
  return train, [items[i] for i in sorted(taken)]


def _rank(name: str, seed: int) -> tuple[bytes, str]:
  return hashlib.sha256(f"{seed}\n{name}".encode()).digest(), name


def _check_two_each(
  groups: Sequence[np.ndarray], class_names: Sequence[str]
) -> None:
  single = [class_names[c] for c, rows in enumerate(groups) if rows.size < 2]
  if single:
    raise UserError(
      "data.test_fraction needs two labelled images of each class, one to "
      f"train with and one to test with; there is one only of "
      f"{shorten(single)}. Add images, or set --config.data.test."
    )
