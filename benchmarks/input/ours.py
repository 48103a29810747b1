"""Two views of each image by this package: stream, then work of the step."""

import functools
import pathlib
from typing import Any

import jax
import numpy as np

from benchmarks.harness.workers import CoreJob
from benchmarks.input import images
from benchmarks.input.images import ROWS, ImageSet, MemoryRecords
from suncet_jax.data import from_arrays
from suncet_jax.data.augment import Augmentation
from suncet_jax.data.augment.view import View
from suncet_jax.data.images.source import EncodedSource
from suncet_jax.data.sampling.build import Order
from suncet_jax.data.sampling.samplers import UnlabelledSampler
from suncet_jax.data.source import Source
from suncet_jax.data.stream import Stream
from suncet_jax.devices.host import keep_freed_memory
from suncet_jax.devices.mesh import make_mesh
from suncet_jax.methods.base import BatchSpec
from suncet_jax.train.step import make_views

_ENDLESS = 1_000_000  # steps, more than are ever measured
_SEED = 0


def make(row: str, folder: str, *, host_only: bool) -> CoreJob:
  """Returns the job.

  Args:
    row: Key of `ROWS`.
    folder: Folder that `images.write` filled.
    host_only: Whether to leave out the work of the training step.
  """
  keep_freed_memory()
  wanted = ROWS[row]
  source = _source(wanted, pathlib.Path(folder))
  spec = BatchSpec(
    tuple(
      View(Augmentation.from_config(fields), source.crops_on_host)
      for fields in wanted.both
    )
  )
  batches = enumerate(
    _stream(source, wanted.images).batches(range(_ENDLESS), spec.unlabelled)
  )
  views = jax.jit(
    functools.partial(make_views, seed=_SEED),
    static_argnames="spec",
  )

  def step() -> None:
    number, batch = next(batches)
    made: Any = batch
    if not host_only:
      made = views(batch, spec=spec, step=np.int32(number))
    jax.block_until_ready(made)

  return CoreJob(step)


def _source(row: ImageSet, folder: pathlib.Path) -> Source:
  if not row.is_encoded:
    return from_arrays(images.arrays(folder))
  files = images.encoded(folder)
  labels = np.full(len(files), -1, np.int32)
  size = row.augment["size"]
  return EncodedSource(
    MemoryRecords(files, labels), resize=size, centre_crop=size, workers=1
  )


def _stream(source: Source, count: int) -> Stream:
  """Returns a stream of all images at each step, none of them labelled."""
  sampler = UnlabelledSampler(np.arange(count), count, _SEED)
  return Stream(
    source,
    Order(sampler, sampler, count),
    mesh=make_mesh(),
    batch_size=count,
    seed=_SEED,
  )
