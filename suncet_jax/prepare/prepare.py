"""Prepares or converts a data set of TFDS, and reports on it."""

import os
import shlex
import sys
import time

import tensorflow_datasets as tfds
from etils import epath

from suncet_jax.console import terminal
from suncet_jax.data.name_lists import read_names
from suncet_jax.data.tfds.downloads import out_of_reach
from suncet_jax.data.tfds.formats import (
  ARRAY_RECORD,
  TFRECORD,
  formats,
  use_format,
)
from suncet_jax.data.tfds.place import data_folder
from suncet_jax.devices.host import hide_accelerators
from suncet_jax.errors import UserError
from suncet_jax.files.paths import expanded
from suncet_jax.prepare.convert import convert
from suncet_jax.prepare.sizes import check_target, cost, gigabytes


def prepare(
  dataset: str,
  *,
  data_dir: str | None,
  manual_dir: str | None,
  file_format: str,
) -> None:
  """Prepares or converts a data set, makes its indices and prints a report.

  Args:
    dataset: TFDS name, with a config and a version if needed.
    data_dir: Data folder of TFDS; None means TFDS's default.
    manual_dir: Folder of archives fetched by hand; None means downloads/manual
      in the data folder.
    file_format: Format to make, ARRAY_RECORD or TFRECORD.

  Raises:
    ValueError: If the data set cannot be prepared here.
  """
  if file_format == ARRAY_RECORD and "://" in (data_dir or ""):
    raise UserError(
      f"array_record cannot be read from a bucket such as {data_dir}. Set "
      "--file_format=tfrecord, or --data_dir to a folder on a disk."
    )
  builder = _builder(dataset, data_dir)
  features = list(builder.info.features)
  if "image" not in features or "label" not in features:
    raise UserError(
      f"{dataset} has the features {', '.join(features)}; expected images with "
      "one label each: 'image' and 'label'."
    )
  start = time.monotonic()
  if not builder.data_path.exists():
    _make(builder, dataset, manual_dir, file_format)
  elif file_format not in formats(builder):
    convert(builder, file_format)
  else:
    terminal.say(f"{dataset} is already prepared: {builder.data_path}")
  from suncet_jax.data.tfds.load import make_index

  # A new builder reads from disk, as training will.
  builder = _builder(dataset, data_dir)
  use_format(builder, file_format)
  for split in builder.info.splits:
    make_index(builder, split)
  _report(builder, dataset, data_dir, time.monotonic() - start)


def _builder(dataset: str, data_dir: str | None) -> tfds.core.DatasetBuilder:
  folder = data_folder(data_dir)
  try:
    return tfds.builder(dataset, data_dir=folder)
  except tfds.core.DatasetNotFoundError as error:  # its message lists them all
    raise UserError(
      f"TFDS has no data set {dataset!r}; expected one of "
      "https://www.tensorflow.org/datasets/catalog/overview."
    ) from error
  # Wrong configs, wrong versions and damaged folders raise different errors.
  except Exception as error:
    raise UserError(f"TFDS cannot open {dataset!r}: {error}") from error


def _make(
  builder: tfds.core.DatasetBuilder,
  dataset: str,
  manual_dir: str | None,
  file_format: str,
) -> None:
  """Prepares a data set that is not there yet."""
  root = epath.Path(builder.data_dir_root)
  manual = expanded(manual_dir or root / "downloads" / "manual")
  terminal.say(f"{dataset} as {file_format} in {builder.data_path}")
  needed = cost(builder, manual)
  check_target(builder.data_path.parent, needed)
  if builder.name == "imagenet2012_subset":
    # TFDS would try for minutes to fetch the list; now it will find it.
    config = builder.builder_config.name
    if not (manual / f"{config.replace('pct', 'percent')}.txt").exists():
      read_names(f"tfds:{builder.name}/{config}", os.fspath(root))
  if manual_dir is None and (url := out_of_reach(builder)):
    raise UserError(
      f"{builder.name} must be downloaded, but {url} cannot be reached. Run "
      f"this where there is a network, and copy what is then in "
      f"{builder.data_path} to here."
    )
  hide_accelerators()
  if not terminal.is_terminal(sys.stderr):
    tfds.disable_progress_bar()  # it would fill a log with fragments of bars
  try:
    builder.download_and_prepare(
      file_format=file_format,
      download_config=tfds.download.DownloadConfig(manual_dir=manual),
    )
  # Without network, space or archives TFDS raises all kinds of errors.
  except Exception as error:
    raise UserError(f"TFDS could not prepare {dataset!r}: {error}") from error


def _report(
  builder: tfds.core.DatasetBuilder,
  dataset: str,
  data_dir: str | None,
  seconds: float,
) -> None:
  """Prints the result, and how to train on it."""
  info = builder.info
  size = sum(path.stat().length for path in builder.data_path.iterdir())
  counts = ", ".join(
    f"{s.num_examples:,} {s.name}" for s in info.splits.values()
  )
  terminal.say(
    f"Ready in {_duration(seconds)}: {counts} examples, {gigabytes(size)} in "
    f"{builder.data_path}"
  )
  reading = "random"
  if info.file_format.value == TFRECORD:
    # Data sets of equally large images, like CIFAR, are assumed to fit.
    is_small = None not in info.features["image"].shape
    reading = "memory" if is_small else "streaming"
  options = {"source": "tfds", "tfds_name": dataset, "reading": reading}
  if data_dir:
    options["data_dir"] = data_dir
  if "test" not in info.splits and "validation" in info.splits:
    options["test_split"] = "validation"
  given = [f"--config.data.{name}={x}" for name, x in options.items()]
  terminal.say(f"Train with {shlex.join(given)}")
  if builder.name == "imagenet2012":
    terminal.say(
      "and, for the published 10 % of labels, with "
      "--config.data.labelled.file=tfds:imagenet2012_subset/10pct"
    )


def _duration(seconds: float) -> str:
  minutes = round(seconds / 60)
  if minutes < 2:
    return f"{seconds:.0f} s"
  return f"{minutes // 60} h {minutes % 60} min"
