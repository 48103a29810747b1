"""Prints the contents of a data set, and its faults."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from ml_collections import ConfigDict

from suncet_jax.check.advice import Asked, advise, say_misfits
from suncet_jax.check.pictures import write_pictures
from suncet_jax.check.scan import Summary, scan
from suncet_jax.console import terminal
from suncet_jax.console.progress import Counter
from suncet_jax.console.words import shorten
from suncet_jax.data.clips.clip import AUDIO, VIDEO
from suncet_jax.data.copies import copies
from suncet_jax.data.images.source import EncodedSource
from suncet_jax.data.pipeline import arranged, open_dataset
from suncet_jax.data.source import Dataset, Source
from suncet_jax.data.splits import Splits, make_splits
from suncet_jax.errors import UserError

_SHOWN_CLASSES = 40
_SHOWN_BAD = 1000
_REFUSED = 2
_TITLES = ("class", "train", "labelled", "test")


def inspect(
  config: ConfigDict,
  faults: Sequence[str],
  asked: Asked,
  pictures: str = "",
) -> int:
  """Inspects the data set of a configuration and prints the findings.

  Whatever does not fit the images is said behind them.

  Args:
    config: The whole configuration.
    faults: Faults of the configuration; none in `data`.
    asked: Command line, for the command with numbers that fit.
    pictures: Sheet to write with images of each class; empty for none.

  Returns:
    The exit code: 0, 1 with too many bad images, or 2 if a run would refuse
    the configuration.

  Raises:
    ValueError: If the data set cannot be used.
  """
  dataset = open_dataset(config)  # the same checks as in a run
  splits, misfits = _arranged(config, dataset)
  _show_counts(dataset, splits)
  _show_classes(dataset, splits)
  (are_fine, train), (is_fine, test) = (
    _check_images(name, source, config)
    for name, source in (("train", dataset.train), ("test", dataset.test))
  )
  _show_copies("train", dataset.train, train, dataset.train, train)
  _show_copies("test", dataset.test, test, dataset.test, test)
  _show_copies("test", dataset.test, test, dataset.train, train)
  if pictures:
    write_pictures(pictures, dataset)
    terminal.say(f"Written: {pictures}, images of each class")
  say_misfits([*faults, *misfits])
  advise(config, dataset, asked, faults)
  if faults or misfits:
    return _REFUSED
  return 0 if are_fine and is_fine else 1


def _arranged(
  config: ConfigDict, dataset: Dataset
) -> tuple[Splits | None, list[str]]:
  """Returns the splits, if they can be made, and what a run would refuse."""
  try:
    return arranged(config, dataset).splits, []
  except UserError as error:
    misfits = [str(error)]
  train, names = dataset.train, dataset.class_names
  try:
    return make_splits(train.labels, train.names, config, names), misfits
  except UserError:  # which is the misfit
    return None, misfits


def _show_counts(dataset: Dataset, splits: Splits | None) -> None:
  if splits is None:
    parts = f"{dataset.train.labels.size:,} training images"
  else:
    parts = (
      f"{splits.pool.size:,} images in the unlabelled pool, "
      f"{splits.labelled.size:,} labelled, "
      f"{splits.validation.size:,} validation"
    )
  terminal.say(
    f"{dataset.name}: {len(dataset.class_names)} classes; {parts}, "
    f"{dataset.test.labels.size:,} test"
  )


def _show_classes(dataset: Dataset, splits: Splits | None) -> None:
  """Prints the counts of each class; if there are many, of the smallest."""
  count = len(dataset.class_names)
  labelled = splits.labelled if splits else np.zeros(0, np.int64)
  columns = [
    np.bincount(labels[labels >= 0], minlength=count)
    for labels in (
      dataset.train.labels,
      dataset.train.labels[labelled],
      dataset.test.labels,
    )
  ]
  shown: Iterable[int] = range(count)
  title = ""
  if count > _SHOWN_CLASSES:
    shown = np.argsort(columns[0], kind="stable")[:_SHOWN_CLASSES].tolist()
    title = f"The {_SHOWN_CLASSES} smallest classes:"
  rows: list[tuple[str, ...]] = [
    (dataset.class_names[c], *(f"{column[c]:,}" for column in columns))
    for c in shown
  ]
  width = max(len(name) for name, *_ in (_TITLES, *rows))
  without = int((dataset.train.labels < 0).sum())
  if without:
    rows.append(("(no label)", f"{without:,}", "", ""))
  lines = [
    f"  {name:<{width}}  {train:>9}{used:>10}{test:>9}".rstrip()
    for name, train, used, test in (_TITLES, *rows)
  ]
  terminal.show(
    "\n".join(filter(None, [title, *lines])),
    lambda: terminal.table(_TITLES, rows, title=title),
  )


def _check_images(
  name: str, source: Source, config: ConfigDict
) -> tuple[bool, Sequence[bytes]]:
  """Prints the images of a source.

  Returns:
    Whether a run would accept them, and the digests of their files; none for
    images in memory, whose copies are found when they are opened.
  """
  if isinstance(source.row_shape, Mapping):
    return _check_clips(name, source, config), ()
  if not isinstance(source, EncodedSource):
    height, width, channels = source.image_shape
    terminal.say(f"{name}: in memory, {height} x {width}, {channels} channels")
    return True, ()
  total = len(source.labels)
  with Counter(name, total, "images") as counter:
    found = scan(source, config.data.workers, counter.add)
  formats = ", ".join(
    f"{count:,} {kind}" for kind, count in found.formats.items()
  )
  terminal.say(f"{name}: {formats}; {_sizes(found)}")
  for kind, images in (("bad", found.bad), ("unreadable", found.unreadable)):
    for image, reason in images[:_SHOWN_BAD]:
      terminal.say(f"  {kind}: {image}: {reason}")
    if len(images) > _SHOWN_BAD:
      terminal.say(f"  and {len(images) - _SHOWN_BAD:,} more")
  is_fine = len(found.bad) <= config.data.max_bad_fraction * total
  if found.bad:
    verdict = (
      "a run replaces them by grey images"
      if is_fine
      else "a run would stop: more than --config.data.max_bad_fraction="
      f"{config.data.max_bad_fraction:g} allows"
    )
    terminal.say(
      f"{name}: {len(found.bad):,} of {total:,} images are bad; {verdict}"
    )
  if found.unreadable:
    terminal.say(
      f"{name}: {len(found.unreadable):,} of {total:,} images cannot be read; "
      "a run would end at the first of them"
    )
  return is_fine and not found.unreadable, found.digests


def _check_clips(name: str, source: Source, config: ConfigDict) -> bool:
  """Prints the clips of a source; returns whether a run would accept them."""
  if source.crops_on_host:
    # The packages that decode are optional.
    from suncet_jax.check.clips import check_clips
    from suncet_jax.data.clips.source import ClipFiles

    assert isinstance(source, ClipFiles), "only files are cut into windows"
    return check_clips(name, source, config)
  frames, height, width, channels = source.row_shape[VIDEO]
  columns, bands = source.row_shape[AUDIO]
  terminal.say(
    f"{name}: in memory, {frames} frames of {height} x {width}, {channels} "
    f"channels; {columns} columns of sound of {bands} bands"
  )
  return True


def _show_copies(
  name: str,
  source: Source,
  digests: Sequence[bytes],
  other: Source,
  originals: Sequence[bytes],
) -> None:
  """Prints which images of a source have the bytes of images of another."""
  found = copies(digests, originals)
  if not found:
    return

  def named(part: Source, index: int) -> str:
    return part.names[index] if part.names else f"number {index}"

  pairs = [f"{named(source, i)} of {named(other, o)}" for i, o in found]
  whose = "other images" if source is other else "training images"
  terminal.say(
    f"{name}: {len(found):,} images are copies of {whose}, byte for byte: "
    f"{shorten(pairs)}"
    + ("" if source is other else "; the final accuracies would count them")
  )


def _sizes(found: Summary) -> str:
  if found.smallest is None or found.largest is None:
    return "none can be decoded"
  (h, w), (tall, wide) = found.smallest, found.largest
  return f"{h} x {w} to {tall} x {wide} pixels (height x width)"
