"""The search for the largest batch that fits."""

import math

import pytest

from suncet_jax.preflight.fit import largest


@pytest.mark.parametrize("start", [8, 64, 512, 4096])
def test_memory_that_grows_linearly_is_followed(start):
  asked = []

  def memory(size):
    asked.append(size)
    return 100 + 7 * size

  found, _ = largest(memory, 100 + 7 * 1000, unit=8, start=start, most=100_000)
  assert 970 <= found <= 1000
  assert found % 8 == 0
  assert len(asked) <= 6


def test_sizes_that_do_not_compile_are_halved():
  def memory(size):
    return math.inf if size > 300 else size

  found, _ = largest(memory, 10_000, unit=1, start=256, most=5000)
  assert 256 <= found <= 300


def test_nothing_fits_and_the_search_says_so():
  assert largest(lambda size: math.inf, 1, unit=4, start=4, most=9) == (0, True)


def test_the_next_size_was_tried_where_it_is_said_to_be_too_large():
  found, is_exact = largest(
    lambda size: size if size < 24 else 99, 50, unit=8, start=8, most=90
  )
  assert (found, is_exact) == (16, True)


def test_no_batch_is_larger_than_the_pool():
  asked = []

  def memory(size):
    asked.append(size)
    return size

  assert largest(memory, 1e9, unit=4, start=128, most=1292) == (1292, True)
  assert max(asked) <= 1292
