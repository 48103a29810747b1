"""Order of images in files that are read from end to end.

Blocks of a few files are pooled in memory and permuted: random enough, without
random access to files.
"""

import functools
import itertools
import math

import numpy as np

from suncet_jax.data.images.prefetch import BATCHES_AHEAD
from suncet_jax.data.records.tfrecord import TfrecordRecords
from suncet_jax.data.sampling.samplers import check_pool
from suncet_jax.data.source import Source
from suncet_jax.errors import UserError
from suncet_jax.rng import RngStream, permutation


class BlockSampler:
  """Sampler of shards in blocks, in a new order each epoch.

  In each epoch the shards come in a pseudo-random order of (seed, epoch).
  Process p of P takes every P-th shard, from the p-th on, pools up to
  `block_shards` of them at a time and permutes their images. So the order is a
  pure function of (seed, step), but unlike that of `UnlabelledSampler` it
  depends on the number of processes. Shards are nearly equally long; images
  that some processes have more than others, and the last incomplete batch, are
  dropped.

  Attributes:
    steps_per_epoch: Number of full batches of an epoch.
  """

  def __init__(
    self,
    pool: np.ndarray,
    shard_starts: np.ndarray,
    batch_size: int,
    *,
    block_shards: int,
    process_index: int,
    process_count: int,
    seed: int,
  ) -> None:
    """Checks that every process can fill its rows.

    Args:
      pool: Indices of the unlabelled images, int64 [n], ascending.
      shard_starts: Index of each shard's first image, int64 [s], ascending.
      batch_size: Number of images per step, over all processes.
      block_shards: Largest number of shards in a block.
      process_index: Index of this process.
      process_count: Number of processes.
      seed: Seed of the orders.

    Raises:
      ValueError: If there are fewer shards than processes, or fewer images
        than one batch needs.
    """
    shard_count = len(shard_starts)
    if shard_count < process_count:
      raise UserError(
        f"The data set has {shard_count} shards, but {process_count} processes "
        "must read different ones. Prepare it with more shards, or set "
        "--config.data.reading=random."
      )
    check_pool(pool.size, batch_size)
    bounds = np.searchsorted(pool, shard_starts)
    self._members = np.split(pool, bounds[1:])
    self._batch = batch_size // process_count
    self._block_shards = block_shards
    self._process_index, self._process_count = process_index, process_count
    self._seed = seed
    # Counted with the smallest shards: every process can fill these steps,
    # whichever shards it gets.
    shards_each = shard_count // process_count
    sizes = np.sort([rows.size for rows in self._members])
    self.steps_per_epoch = int(sizes[:shards_each].sum()) // self._batch
    if not self.steps_per_epoch:
      raise UserError(
        f"{shards_each} shards of a process hold fewer than the {self._batch} "
        "images that it must provide per step. Lower --config.data.batch_size."
      )
    self._blocks = functools.lru_cache(maxsize=2)(self._blocks_of_epoch)
    self._starts = functools.lru_cache(maxsize=2)(self._starts_of_blocks)
    self._order = functools.lru_cache(maxsize=3)(self._order_of_block)

  def local(self, step: int, rows: np.ndarray) -> np.ndarray:
    """Returns this process's images of a step; see `Sampler`."""
    if len(rows) != self._batch:
      raise UserError(
        f"This process must provide {len(rows)} rows of a batch, expected "
        f"{self._batch}, as every other."
      )
    epoch, start, stop = self._range(step)
    first, last = self._touched(epoch, start, stop)
    starts = self._starts(epoch)
    images = [self._order(epoch, block) for block in range(first, last + 1)]
    offset = starts[first]
    return np.concatenate(images)[start - offset : stop - offset]

  def shards(self, steps: range) -> list[int]:
    """Returns the shards to hold in memory while some steps are prepared.

    These are the shards of the blocks that the steps read. If that is a single
    block, the shards of the next one are added, to be read ahead.
    """
    blocks: dict[tuple[int, int], None] = {}  # a set in order
    for step in steps:
      epoch, start, stop = self._range(step)
      first, last = self._touched(epoch, start, stop)
      blocks |= {(epoch, block): None for block in range(first, last + 1)}
    if len(blocks) == 1:
      (only,) = blocks
      blocks[self._after(*only)] = None
    return [s for epoch, block in blocks for s in self._blocks(epoch)[block]]

  def blocks_at_once(self, steps: int) -> int:
    """Returns an upper bound on the blocks that `steps` steps in a row need."""
    shards_each = len(self._members) // self._process_count
    shards = min(map(len, _pieces([0] * shards_each, self._block_shards)))
    smallest = sum(sorted(map(len, self._members))[:shards])
    return 2 + steps * self._batch // max(smallest, 1)

  def _range(self, step: int) -> tuple[int, int, int]:
    """Returns the epoch, and the range of a step in this process's order."""
    epoch, batch = divmod(step, self.steps_per_epoch)
    return epoch, batch * self._batch, (batch + 1) * self._batch

  def _touched(self, epoch: int, start: int, stop: int) -> tuple[int, int]:
    """Returns the first and the last block that a range touches."""
    ends = self._starts(epoch)[1:]
    first, last = np.searchsorted(ends, [start, stop - 1], side="right")
    return int(first), int(last)

  def _after(self, epoch: int, block: int) -> tuple[int, int]:
    """Returns the epoch and number of the block that is read next."""
    starts, used = self._starts(epoch), self.steps_per_epoch * self._batch
    is_last = block + 2 == len(starts) or starts[block + 1] >= used
    return (epoch + 1, 0) if is_last else (epoch, block + 1)

  def _starts_of_blocks(self, epoch: int) -> np.ndarray:
    """Returns the first position of each block, and the end of the last."""
    sizes = [
      sum(self._members[shard].size for shard in block)
      for block in self._blocks(epoch)
    ]
    return np.concatenate([[0], np.cumsum(sizes)])

  def _blocks_of_epoch(self, epoch: int) -> list[list[int]]:
    order = permutation(
      len(self._members), self._seed, RngStream.SHARD_ORDER, epoch
    )
    mine = order[self._process_index :: self._process_count].tolist()
    return _pieces(mine, self._block_shards)

  def _order_of_block(self, epoch: int, block: int) -> np.ndarray:
    shards = self._blocks(epoch)[block]
    images = np.concatenate([self._members[shard] for shard in shards])
    # Addressed by the block's first shard: no two processes share an order.
    return images[
      permutation(
        images.size, self._seed, RngStream.BLOCK_ORDER, epoch, shards[0]
      )
    ]


def _pieces(items: list[int], size: int) -> list[list[int]]:
  """Splits a list evenly into the fewest pieces of at most `size` items."""
  count = math.ceil(len(items) / size)
  bounds = [len(items) * i // count for i in range(count + 1)]
  return [items[a:b] for a, b in itertools.pairwise(bounds)]


_GIGABYTE = 1e9
_STEPS_IN_WORK = BATCHES_AHEAD + 1


class StreamingSampler:
  """A `BlockSampler` that tells the records which shards to hold in memory.

  Steps are to be requested one after the other, as a stream does.

  Attributes:
    steps_per_epoch: Number of full batches of an epoch.
  """

  def __init__(self, sampler: BlockSampler, records: TfrecordRecords) -> None:
    """Initializes without reading."""
    self.steps_per_epoch = sampler.steps_per_epoch
    self._sampler, self._records = sampler, records
    self._steps = range(0)

  def local(self, step: int, rows: np.ndarray) -> np.ndarray:
    """Returns this process's images of a step, and has its shards read.

    The images depend on (seed, step) only; the reading is a side effect.
    """
    is_next = step == self._steps.stop
    start = self._steps.start if is_next else step
    # Earlier steps in preparation may still read from their blocks.
    self._steps = range(max(start, step + 1 - _STEPS_IN_WORK), step + 1)
    self._records.hold(self._sampler.shards(self._steps))
    return self._sampler.local(step, rows)


def streamed_records(source: Source) -> TfrecordRecords:
  """Returns the records of a source that is to be streamed.

  Raises:
    TypeError: If the source does not read TFRecord files.
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
  """Checks that a process will not hold more in memory than a limit.

  Args:
    sampler: Sampler of blocks.
    records: Records of the shards.
    kept: Indices of the records that stay in memory.
    block_shards: Largest number of shards in a block.
    limit_gb: Limit, in units of 10^9 bytes.

  Raises:
    ValueError: If the limit is exceeded; the message gives the size of each
      part.
  """
  blocks = sampler.blocks_at_once(_STEPS_IN_WORK)
  pooled = blocks * records.bytes_of_largest(block_shards) / _GIGABYTE
  labelled = records.bytes_of(kept) / _GIGABYTE
  if pooled + labelled > limit_gb:
    raise UserError(
      f"Streaming would hold up to {pooled:.3g} GB in {blocks} blocks of "
      f"{block_shards} shards, and {labelled:.3g} GB of labelled and "
      f"validation images, more than data.memory_limit_gb {limit_gb:g}. Lower "
      "--config.data.block_shards or raise --config.data.memory_limit_gb."
    )
