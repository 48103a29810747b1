"""The command `choose`: which images to label next."""

import argparse
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from etils import epath

from suncet_jax.console import terminal
from suncet_jax.console.progress import Counter
from suncet_jax.console.words import counted
from suncet_jax.convert.given import GivenImages
from suncet_jax.data.folder.csv_list import images_of_csv
from suncet_jax.data.folder.inputs import listed
from suncet_jax.encoder import load_encoder
from suncet_jax.errors import UserError
from suncet_jax.files.formats import write_csv
from suncet_jax.files.paths import expanded
from suncet_jax.labels.selection import SELECTIONS, uncertain

UNCERTAIN = "uncertain"
_COLUMNS = ("path", "label")
_PREDICTED = "predicted"
_NO_LABEL = ("", "-1")


class _Pool(NamedTuple):
  """All images, those with a label too.

  Attributes:
    paths: Paths of the files.
    is_labelled: Mask of those with a label.
  """

  paths: list[str]
  is_labelled: np.ndarray


class _Chosen(NamedTuple):
  """The images to label.

  Attributes:
    paths: Paths of the files, the first choice first.
    predicted: Classes that a classifier takes them for; empty without one.
  """

  paths: Sequence[str]
  predicted: Sequence[str] = ()


def run(options: argparse.Namespace) -> None:
  """Chooses images, and writes a list and a page of them.

  Args:
    options: Command line.

  Raises:
    UserError: If the encoder or the images are not as expected.
  """
  pool = _pool(options.images, options.labelled)
  left = int((~pool.is_labelled).sum())
  if options.count > left:
    raise UserError(
      f"--count is {options.count}, but {counted(left, 'image')} without a "
      "label are given. Expected at most that."
    )
  chosen = (
    _by_margin(pool, options)
    if options.by == UNCERTAIN
    else _by_features(pool, options)
  )
  out = expanded(options.out)
  columns = (*_COLUMNS, _PREDICTED) if chosen.predicted else _COLUMNS
  write_csv(out, columns, _rows(chosen, out))
  terminal.say(
    f"Written: {out}, {counted(len(chosen.paths), 'image')} to label: fill in "
    "the column label"
  )
  if options.sheet:
    _write_sheet(options.sheet, chosen)


def _pool(images: Sequence[str], labelled: str) -> _Pool:
  """Returns the images that are given, each once."""
  known = [_whole(path) for path in _labelled(labelled)] if labelled else []
  paths = [_whole(item.path) for item in listed(images)]
  every = list(dict.fromkeys([*known, *paths]))
  is_known = set(known)
  return _Pool(every, np.array([path in is_known for path in every]))


def _labelled(place: str) -> list[str]:
  """Returns the images of a folder, or the labelled ones of a list."""
  path = expanded(place)
  if path.suffix.lower() != ".csv":
    return [item.path for item in listed([place])]
  items = images_of_csv("--labelled", path)
  return [item.path for item in items if item.label not in _NO_LABEL]


def _whole(path: str) -> str:
  return path if "://" in path else os.path.abspath(path)


def _by_features(pool: _Pool, options: argparse.Namespace) -> _Chosen:
  encode = load_encoder(options.encoder, batch_size=options.batch_size)
  terminal.say(f"Encoding {counted(len(pool.paths), 'image')}")
  usable, features = _decoded(pool, encode(pool.paths))
  _check_left(usable, options.count)
  select = SELECTIONS[options.by]
  numbers = select(features, usable.is_labelled, options.count, options.seed)
  return _Chosen([usable.paths[number] for number in numbers])


def _by_margin(pool: _Pool, options: argparse.Namespace) -> _Chosen:
  from suncet_jax.classifier import load_classifier

  classify = load_classifier(options.encoder, batch_size=options.batch_size)
  if len(classify.classes) < 2:
    raise UserError(
      f"{options.encoder} knows one class only, and cannot be uncertain; "
      "expected a classifier of several, or --by=typical."
    )
  given, parts = GivenImages(pool.paths, classify.images), []
  with Counter("Classifying", given.count, "images") as counter:
    for part in classify.stream(given):
      parts.append(part)
      counter.add(len(part))
  usable, probabilities = _decoded(pool, np.concatenate(parts))
  _check_left(usable, options.count)
  numbers = uncertain(probabilities, usable.is_labelled, options.count)
  names = classify.names_of(probabilities)
  return _Chosen(
    [usable.paths[number] for number in numbers],
    [str(names[number]) for number in numbers],
  )


def _decoded(pool: _Pool, made: np.ndarray) -> tuple[_Pool, np.ndarray]:
  """Returns the images that could be decoded, and what was made of them."""
  is_fine = np.isfinite(made).all(axis=1)
  if bad := int((~is_fine).sum()):
    terminal.say(
      f"{bad} of {counted(len(made), 'image')} cannot be decoded: left out."
    )
  paths = [path for path, fine in zip(pool.paths, is_fine, strict=True) if fine]
  return _Pool(paths, pool.is_labelled[is_fine]), made[is_fine]


def _check_left(usable: _Pool, count: int) -> None:
  left = int((~usable.is_labelled).sum())
  if count > left:
    raise UserError(
      f"--count is {count}, but only {counted(left, 'image')} without a label "
      "can be decoded. Expected at most that."
    )


def _rows(chosen: _Chosen, out: epath.Path) -> list[tuple[str, ...]]:
  """Returns the rows of the list; paths are relative to its folder."""
  folder = os.path.dirname(_whole(os.fspath(out)))
  is_local = "://" not in folder
  paths = [
    os.path.relpath(path, folder) if is_local and "://" not in path else path
    for path in chosen.paths
  ]
  if not chosen.predicted:
    return [(path, "") for path in paths]
  return [
    (path, "", name) for path, name in zip(paths, chosen.predicted, strict=True)
  ]


def _write_sheet(place: str, chosen: _Chosen) -> None:
  # Imported here: drawing takes a second to load.
  from suncet_jax.report.sheet import write_sheet

  captions: list[tuple[str, ...]] = [(name,) for name in chosen.predicted]
  captions = captions or [()] * len(chosen.paths)
  write_sheet(
    place,
    f"To label, {counted(len(chosen.paths), 'image')}",
    "The first choice first.",
    list(zip(chosen.paths, captions, strict=True)),
  )
  terminal.say(f"Written: {place}")
