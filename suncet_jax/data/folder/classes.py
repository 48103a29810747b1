"""Classes of image files, whichever way their names are spelt."""

import collections
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

from absl import logging

from suncet_jax.console.words import shorten
from suncet_jax.data.folder.items import UNLABELLED, Item, described
from suncet_jax.errors import UserError
from suncet_jax.files.text import composed, readable

_WHOLE = re.compile(r"(-?[0-9]+)\.0*")


def class_key(label: str) -> str:
  """Returns what all spellings of a class have in common.

  Composed and decomposed Unicode are the same class, and so are 1 and 1.0: a
  table with empty labels comes out of many programs with its numbers so.
  """
  key = composed(label)
  number = _WHOLE.fullmatch(key)
  return number[1] if number else key


class Classes:
  """The classes of a data set.

  Attributes:
    names: Names of the classes, by label; sorted, in NFC.
  """

  def __init__(self, train: Iterable[Item]) -> None:
    """Collects the classes of the training images.

    Raises:
      UserError: If there is none, or two of them look nearly the same.
    """
    spelt = _spellings(train)
    if not spelt:
      raise UserError(
        "data.train has no labelled image; expected class sub-folders, or a "
        "CSV file with labels, so that there is something to supervise and "
        "evaluate with."
      )
    name_of = {key: readable(min(spelt[key], key=len)) for key in spelt}
    keys = sorted(name_of, key=lambda key: (name_of[key], key))
    self.names = tuple(name_of[key] for key in keys)
    self._numbers = {key: number for number, key in enumerate(keys)}
    _check_apart(self.names, str.casefold, "upper and lower case")
    _check_apart(self.names, _without_zeros, "leading zeros")

  def number(self, label: str) -> int:
    """Returns the number of a label's class; -1 for no label."""
    return self._numbers[class_key(label)] if label else -1

  def check_test(self, items: Sequence[Item], place: str) -> None:
    """Checks that all test images are of these classes.

    Raises:
      UserError: If one is of another class, or of none.
    """
    wrong = [i for i in items if class_key(i.label) not in self._numbers]
    if wrong:
      raise UserError(
        f"data.test {place!r}: {len(wrong)} of {len(items)} images are of no "
        f"class of the training images: {shorten([*map(described, wrong)])}. "
        f"The classes are {shorten(self.names)}."
      )

  def warn_of_spellings(self, items: Iterable[Item]) -> None:
    """Warns once if a class is spelt in several ways."""
    several = [
      " and ".join(f"{label!a}" for label in sorted(labels))
      for labels in _spellings(items).values()
      if len(labels) > 1
    ]
    if several:
      logging.warning(
        "Labels that differ only in the form of Unicode (composed or "
        "decomposed), or as 1 and 1.0 do, are taken as one class: %s.",
        shorten(several),
      )


def _spellings(items: Iterable[Item]) -> Mapping[str, set[str]]:
  """Returns the different labels of each class, by its key."""
  spelt = collections.defaultdict(set)
  for label in {item.label for item in items} - {UNLABELLED}:
    spelt[class_key(label)].add(label)
  return spelt


def _without_zeros(name: str) -> str:
  is_number = name.isascii() and name.isdigit()
  return str(int(name)) if is_number and len(name) < 20 else name


def _check_apart(
  names: Iterable[str], folded: Callable[[str], str], what: str
) -> None:
  """Checks that no two names become the same when `folded`."""
  alike = collections.defaultdict(list)
  for name in names:
    alike[folded(name)].append(name)
  twice = [" and ".join(same) for same in alike.values() if len(same) > 1]
  if twice:
    raise UserError(
      f"Classes differ in {what} only: {shorten(twice)}. Rename one of each, "
      "or merge them."
    )
