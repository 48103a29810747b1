"""Streaming: which shards are in memory, and whether they fit."""

import numpy as np

from suncet_jax.data.ahead import BATCHES_AHEAD
from suncet_jax.data.blocks import BlockSampler
from suncet_jax.data.sources import Source
from suncet_jax.data.tfrecords import TfrecordRecords

_GIGABYTE = 1e9
_STEPS_IN_WORK = BATCHES_AHEAD + 1


class StreamingSampler:
  """A `BlockSampler` that tells the records which shards to hold.

  Steps are asked for one after the other, as a stream does.

  Attributes:
    steps_per_epoch: Full batches of an epoch.
  """

  def __init__(self, sampler: BlockSampler, records: TfrecordRecords) -> None:
    """Reads nothing yet."""
    self.steps_per_epoch = sampler.steps_per_epoch
    self._sampler, self._records = sampler, records
    self._steps = range(0)

  def local(self, step: int, rows: np.ndarray) -> np.ndarray:
    """Returns this process's images of a step; see `Sampler`."""
    is_next = step == self._steps.stop
    start = self._steps.start if is_next else step
    # Those before may still be read from their block.
    self._steps = range(max(start, step + 1 - _STEPS_IN_WORK), step + 1)
    self._records.hold(self._sampler.shards(self._steps))
    return self._sampler.local(step, rows)


def streamed_records(source: Source) -> TfrecordRecords:
  """Returns the records of a source that is to be streamed.

  Raises:
    TypeError: If it cannot be.
  """
  records = getattr(source, "records", None)
  if not isinstance(records, TfrecordRecords):
    raise TypeError(f"{source} does not read TFRecord files.")
  return records


def check_memory(
  sampler: BlockSampler,
  records: TfrecordRecords,
  kept: np.ndarray,
  *,
  block_shards: int,
  limit_gb: float,
) -> None:
  """Checks that what a process will hold is within a limit.

  Args:
    sampler: The order of blocks.
    records: The shards.
    kept: Records that stay in memory.
    block_shards: Shards of a block.
    limit_gb: The limit, in units of 10^9 bytes.

  Raises:
    ValueError: If it is not; the message says how much each part takes.
  """
  blocks = sampler.blocks_at_once(_STEPS_IN_WORK)
  pooled = blocks * records.bytes_of_largest(block_shards) / _GIGABYTE
  labelled = records.bytes_of(kept) / _GIGABYTE
  if pooled + labelled > limit_gb:
    raise ValueError(
      f"Streaming would hold up to {pooled:.3g} GB in {blocks} blocks of "
      f"{block_shards} shards, and {labelled:.3g} GB of labelled and "
      f"validation images, more than data.memory_limit_gb {limit_gb:g}. Lower "
      "--config.data.block_shards or raise --config.data.memory_limit_gb."
    )
