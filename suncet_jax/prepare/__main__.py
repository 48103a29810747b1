"""Prepares a data set of TFDS for training, or converts a prepared one.

    python -m suncet_jax.prepare --dataset=imagenet2012 --data_dir=DIR
        [--manual_dir=DIR] [--file_format=array_record|tfrecord]

It first prints the cost, and at the end how to train on the data set.
ImageNet's two archives must be fetched by hand to --manual_dir. A data set that
is there in the other format is converted without a new download.
"""

import os
import sys

from absl import app, flags

from suncet_jax import command_line
from suncet_jax.console import terminal
from suncet_jax.devices.sigterm import TerminatedError
from suncet_jax.optional import needed_for

_FORMATS = ("array_record", "tfrecord")

_DATASET = flags.DEFINE_string(
  "dataset", None, "TFDS name, e.g. imagenet2012 or imagenet2012_subset/10pct."
)
_DATA_DIR = flags.DEFINE_string(
  "data_dir",
  None,
  "Folder of TFDS; by default $TFDS_DATA_DIR or ~/tensorflow_datasets.",
)
_MANUAL_DIR = flags.DEFINE_string(
  "manual_dir",
  None,
  "Folder of archives fetched by hand; by default DATA_DIR/downloads/manual.",
)
_FILE_FORMAT = flags.DEFINE_enum(
  "file_format",
  _FORMATS[0],
  _FORMATS,
  "array_record: random access on a local disk. tfrecord: also in a bucket.",
)


def main(argv: list[str]) -> int:
  """Checks the command line and prepares; returns the exit code."""
  command_line.no_arguments(argv)
  if not _DATASET.value:
    command_line.fail("--dataset is missing, expected e.g. imagenet2012.")
  command_line.quiet_libraries()
  with command_line.clear_errors():
    # TFDS takes seconds to import: a faulty command line need not wait for it.
    with needed_for("suncet_jax.prepare"):
      from suncet_jax.prepare.prepare import prepare

    try:
      prepare(
        _DATASET.value,
        data_dir=_DATA_DIR.value,
        manual_dir=_MANUAL_DIR.value,
        file_format=_FILE_FORMAT.value,
      )
    except (KeyboardInterrupt, TerminatedError):
      terminal.say("Stopped: run the same command again.", sys.stderr)
      os._exit(130)  # otherwise Python waits for the threads of a download
  return 0


if __name__ == "__main__":
  app.run(main, flags_parser=command_line.parse_flags)
