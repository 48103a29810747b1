"""Streaming: which shards are read when, and how much memory that takes."""

import numpy as np
import pytest

from suncet_jax.data.records.tfrecord import TfrecordRecords, scan
from suncet_jax.data.sampling.shards import (
  BlockSampler,
  StreamingSampler,
  check_memory,
)

_SHARDS, _LENGTH, _BATCH, _BLOCK = 12, 20, 8, 3


class _Shard:
  """A shard in memory that counts how often it is read."""

  length = _LENGTH

  def __init__(self, number):
    self.path, self.reads = f"shard{number}", 0
    self._content = b"".join(map(_framed, range(_LENGTH)))

  def read(self):
    self.reads += 1
    return self._content


def _framed(i):
  import tensorflow as tf

  feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[bytes(i)]))
  features = tf.train.Features(feature={"image": feature})
  data = tf.train.Example(features=features).SerializeToString()
  return len(data).to_bytes(8, "little") + bytes(4) + data + bytes(4)


def _streamed(process=0, processes=1):
  shards = [_Shard(number) for number in range(_SHARDS)]
  records = TfrecordRecords(shards, scan(shards))
  for shard in shards:
    shard.reads = 0
  blocks = BlockSampler(
    np.arange(_SHARDS * _LENGTH),
    records.shard_starts,
    _BATCH,
    block_shards=_BLOCK,
    process_index=process,
    process_count=processes,
    seed=0,
  )
  return StreamingSampler(blocks, records), blocks, records, shards


def _read(sampler, records, steps, rows=_BATCH):
  """Reads the images of steps, as a stream does."""
  for step in steps:
    for index in sampler.local(step, np.arange(rows)):
      records.read(int(index))


def test_an_epoch_reads_each_shard_once():
  sampler, _, records, shards = _streamed()
  _read(sampler, records, range(sampler.steps_per_epoch))
  reads = [shard.reads for shard in shards]
  # The first block of the next epoch is read ahead; it may be any.
  assert sum(reads) <= _SHARDS + _BLOCK
  assert min(reads) == 1


@pytest.mark.parametrize("start", [0, 7, 13, 10_000_000])
def test_a_restart_reads_its_block_and_the_one_after_it(start):
  sampler, blocks, records, shards = _streamed()
  rows = np.arange(_BATCH)
  assert sampler.local(start, rows).tolist() == (
    blocks.local(start, rows).tolist()
  )
  for index in sampler.local(start + 1, rows):
    records.read(int(index))
  assert 0 < sum(shard.reads for shard in shards) <= 3 * _BLOCK


def test_what_is_held_stays_within_what_was_computed():
  sampler, blocks, records, _ = _streamed()
  most = 0
  for step in range(3 * sampler.steps_per_epoch):
    sampler.local(step, np.arange(_BATCH))
    most = max(most, len(records._held))
  in_work = 5
  assert 2 * _BLOCK <= most <= blocks.blocks_at_once(in_work) * _BLOCK


def test_processes_share_the_shards_out():
  rows = _BATCH // 2
  read = []
  for process in range(2):
    sampler, _, records, shards = _streamed(process, 2)
    _read(sampler, records, range(3), rows)
    read.append({number for number, s in enumerate(shards) if s.reads})
  assert not read[0] & read[1]


def test_too_much_for_memory_is_refused_before_the_start():
  _, blocks, records, shards = _streamed()
  kept = np.arange(10)
  needed = blocks.blocks_at_once(5) * records.bytes_of_largest(_BLOCK)
  needed += records.bytes_of(kept)
  check_memory(
    blocks, records, kept, block_shards=_BLOCK, limit_gb=needed / 1e9
  )
  with pytest.raises(
    ValueError, match=r"blocks of 3 shards, .*memory_limit_gb"
  ):
    check_memory(
      blocks, records, kept, block_shards=_BLOCK, limit_gb=(needed - 1) / 1e9
    )
  assert not any(shard.reads for shard in shards)
