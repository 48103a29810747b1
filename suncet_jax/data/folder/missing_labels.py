"""Labels that stand for a missing one: -1, NA, NaN, None, null."""

import re
from collections.abc import Sequence

from absl import logging

from suncet_jax.console.words import shorten
from suncet_jax.data.folder.classes import class_key
from suncet_jax.data.folder.items import UNLABELLED, Item
from suncet_jax.errors import UserError

_UNLABELLED = re.compile(r"-1(\.0*)?")  # as in arrays

# What programs write for a missing value; in lower case.
_MISSING = frozenset(
  {
    "nan",
    "-nan",
    "+nan",
    "1.#qnan",
    "-1.#qnan",
    "1.#ind",
    "-1.#ind",
    "na",
    "n/a",
    "n.a.",
    "#na",
    "#n/a",
    "#n/a n/a",
    "<na>",
    "none",
    "null",
    "nil",
    "unlabelled",
    "unlabeled",
  }
)


def labels_settled(
  where: str, items: Sequence[Item], class_names: str
) -> list[Item]:
  """Returns images without the labels that say that there is none.

  A folder's own name is what its owner wants the class to be called, but -1.

  Args:
    where: List or folder of the images, for messages.
    items: Images, with labels as they are written.
    class_names: Labels that are classes nevertheless, separated by commas.

  Returns:
    The images; those with the label -1 are unlabelled.

  Raises:
    UserError: If labels of a CSV file read as missing ones.
  """
  named = {class_key(name.strip()) for name in class_names.split(",")}
  doubtful = [item for item in items if class_key(item.label) not in named]
  _check_none_missing(where, doubtful)
  bare = {i.label for i in doubtful if _UNLABELLED.fullmatch(i.label)}
  if not bare:
    return [*items]
  logging.warning(
    "%s: the label %s is taken as no label, on %d images. If it is a class, "
    "set --config.data.class_names=-1.",
    where,
    " or ".join(sorted(bare)),
    sum(item.label in bare for item in items),
  )
  return [
    item._replace(label=UNLABELLED) if item.label in bare else item
    for item in items
  ]


def _check_none_missing(where: str, items: Sequence[Item]) -> None:
  wrong = [i for i in items if i.line and i.label.casefold() in _MISSING]
  if wrong:
    shown = [f"line {item.line}: {item.label}" for item in wrong]
    names = ",".join(sorted({item.label for item in wrong}))
    raise UserError(
      f"{where}: {len(wrong)} labels read as missing ones: {shorten(shown)}. "
      "Leave the label empty where there is none. If these are classes, set "
      f"--config.data.class_names={names}."
    )
