"""Conversion of a prepared TFDS data set to another file format."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import tensorflow_datasets as tfds
from etils import epath
from tensorflow_datasets.core import dataset_info, file_adapters
from tensorflow_datasets.core.utils import py_utils

from suncet_jax.console import terminal
from suncet_jax.console.words import shorten
from suncet_jax.data.tfds.formats import ARRAY_RECORD
from suncet_jax.devices.host import available_cpus, hide_accelerators
from suncet_jax.errors import UserError
from suncet_jax.prepare.sizes import check_target, gigabytes

_CONVERSIONS_AT_ONCE = min(8, available_cpus())


class _Job(NamedTuple):
  """A file to convert, and its number of records."""

  source: epath.Path
  target: epath.Path
  length: int


def convert(builder: tfds.core.DatasetBuilder, file_format: str) -> None:
  """Adds a format to a prepared data set, beside the existing one.

  After a stop, a second call converts the files that are still missing.
  """
  # TFDS's own `convert_format` makes the same files, but needs Apache Beam.
  folder, old = builder.data_path, builder.info.file_format.value
  jobs: list[_Job] = []
  for split in builder.info.splits.values():
    template = split.filename_template.replace(filetype_suffix=file_format)
    for i, count in enumerate(split.shard_lengths):
      place = {"shard_index": i, "num_shards": split.num_shards}
      source = split.filename_template.sharded_filepath(**place)
      jobs.append(_Job(source, template.sharded_filepath(**place), count))
  missing = [os.fspath(job.source) for job in jobs if not job.source.exists()]
  if missing:
    raise UserError(
      f"{builder.name} lacks {shorten(missing)}: fetch or prepare it again."
    )
  terminal.say(
    f"{builder.name} is there as {old} ({gigabytes(_bytes(jobs))}). Adding "
    f"{file_format} files beside them in {folder}: about as much again"
  )
  jobs = [job for job in jobs if not job.target.exists()]
  check_target(folder, _bytes(jobs))
  hide_accelerators()
  with ThreadPoolExecutor(_CONVERSIONS_AT_ONCE) as pool:
    done = pool.map(lambda job: _convert_shard(job, old, file_format), jobs)
    for i, _ in enumerate(done, start=1):
      if i * 10 // len(jobs) > (i - 1) * 10 // len(jobs):
        terminal.say(f"{i} of {len(jobs)} files")
  proto = dataset_info.read_proto_from_builder_dir(folder)
  proto.alternative_file_formats.append(file_format)
  with py_utils.atomic_write(folder / "dataset_info.json", "w") as file:
    file.write(dataset_info.get_dataset_info_json(proto))


def _bytes(jobs: Iterable[_Job]) -> int:
  return sum(job.source.stat().length for job in jobs)


def _convert_shard(job: _Job, old: str, new: str) -> None:
  adapter = file_adapters.ADAPTER_FOR_FORMAT[file_adapters.FileFormat(new)]
  written = 0

  def records() -> Iterator[tuple[int, bytes]]:
    nonlocal written
    for record in _records(job.source, old):
      yield written, record
      written += 1

  try:
    with py_utils.incomplete_file(job.target) as partial:
      adapter.write_examples(partial, records())
      if written != job.length:
        raise UserError(
          f"{job.source} has {written} records, expected {job.length}. The "
          "data set is damaged: fetch or prepare it again."
        )
  except ValueError:
    raise
  except Exception as error:  # from TensorFlow, array_record or the disk
    raise UserError(f"Converting {job.source} failed: {error}") from error


def _records(source: epath.Path, file_format: str) -> Iterator[Any]:
  if file_format == ARRAY_RECORD:
    from array_record.python import array_record_module

    reader = array_record_module.ArrayRecordReader(os.fspath(source))
    with contextlib.closing(reader):
      for i in range(reader.num_records()):
        yield reader.read([i])[0]
    return
  adapter = file_adapters.ADAPTER_FOR_FORMAT[
    file_adapters.FileFormat(file_format)
  ]
  yield from adapter.make_tf_data(os.fspath(source)).as_numpy_iterator()
