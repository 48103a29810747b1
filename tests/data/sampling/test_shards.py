"""The order of images that are streamed in blocks of shards."""

import numpy as np
import pytest

from suncet_jax.data.sampling.shards import BlockSampler

_LENGTHS = [10, 12, 11, 10, 12, 11, 10, 10, 12, 11, 11]
_STARTS = np.cumsum([0, *_LENGTHS[:-1]])
_COUNT = sum(_LENGTHS)


def _sampler(process=0, processes=1, batch=8, block=3, pool=None, seed=0):
  return BlockSampler(
    np.arange(_COUNT) if pool is None else pool,
    _STARTS,
    batch,
    block_shards=block,
    process_index=process,
    process_count=processes,
    seed=seed,
  )


def _epoch(sampler, rows, epoch=0):
  steps = range(
    epoch * sampler.steps_per_epoch, (epoch + 1) * sampler.steps_per_epoch
  )
  return np.concatenate(
    [sampler.local(step, np.arange(rows)) for step in steps]
  )


def _shard(images):
  return np.searchsorted(_STARTS, images, side="right") - 1


@pytest.mark.parametrize("processes", [1, 2, 4])
@pytest.mark.parametrize("epoch", [0, 1, 7])
def test_processes_go_through_different_shards_once(processes, epoch):
  rows = 8 // processes
  samplers = [_sampler(p, processes) for p in range(processes)]
  assert len({s.steps_per_epoch for s in samplers}) == 1
  seen = [_epoch(sampler, rows, epoch) for sampler in samplers]
  together = np.concatenate(seen)
  assert len(set(together.tolist())) == len(together)
  shards = [set(_shard(images).tolist()) for images in seen]
  assert sum(map(len, shards)) == len(set().union(*shards))
  # At most a batch and the difference of the longest and the shortest is lost.
  shortest = sum(sorted(_LENGTHS)[: len(_LENGTHS) // processes])
  assert len(together) >= processes * (shortest - rows + 1)


def test_a_block_holds_some_shards_in_random_order():
  shards = _shard(_epoch(_sampler(block=3), 8))
  places = [np.flatnonzero(shards == shard) for shard in range(len(_LENGTHS))]
  # 11 shards in blocks of 2, 3, 3 and 3.
  spans = sorted((place.min(), place.max()) for place in places if place.size)
  assert all(last - first < sum(sorted(_LENGTHS)[-3:]) for first, last in spans)
  assert (np.diff(shards) != 0).mean() > 0.4  # mixed, not one after the other


def test_epochs_and_seeds_have_orders_of_their_own():
  orders = {
    tuple(_epoch(_sampler(seed=seed), 8, epoch))
    for seed in (0, 1)
    for epoch in (0, 1, 2)
  }
  assert len(orders) == 6


def test_any_step_can_be_asked_for_in_any_order():
  rows = np.arange(8)
  forward = _sampler()
  in_order = [forward.local(step, rows).tolist() for step in range(40)]
  fresh = _sampler()
  for step in (39, 0, 14, 7, 39):
    assert fresh.local(step, rows).tolist() == in_order[step]


@pytest.mark.parametrize("block", [1, 2, 5, 20])
@pytest.mark.parametrize("in_work", [1, 3])
def test_shards_are_those_that_are_needed_and_one_block_more(block, in_work):
  sampler = _sampler(block=block)
  most = sampler.blocks_at_once(in_work)
  for step in range(in_work, 3 * sampler.steps_per_epoch):
    steps = range(step + 1 - in_work, step + 1)
    held = sampler.shards(steps)
    needed = {
      shard
      for s in steps
      for shard in _shard(sampler.local(s, np.arange(8))).tolist()
    }
    assert needed <= set(held)
    assert len(set(held)) <= most * block
    if in_work == 1 < block:  # the next step's shards are on their way
      following = _shard(sampler.local(step + 1, np.arange(8)))
      assert set(following.tolist()) <= set(held)


def test_images_outside_of_the_pool_never_come():
  pool = np.setdiff1d(np.arange(_COUNT), np.arange(0, _COUNT, 5))
  sampler = _sampler(pool=pool, batch=4)
  assert set(_epoch(sampler, 4).tolist()) <= set(pool.tolist())


def test_fewer_shards_than_processes_are_an_error():
  with pytest.raises(ValueError, match="11 shards, but 12 processes"):
    _sampler(0, 12, batch=12)


def test_too_few_images_are_an_error():
  with pytest.raises(ValueError, match="has only 120 images"):
    _sampler(batch=121)
  with pytest.raises(ValueError, match="2 shards of a process hold fewer"):
    _sampler(0, 5, batch=120)
