"""Pseudo-random numbers that depend on their address only.

An address is a tuple of integers such as (seed, stream, epoch). NumPy
guarantees the streams of SeedSequence and of the bit generators for good (only
`Generator`'s methods may change), so an order stays the same over versions.
"""

import enum

import numpy as np


class RngStream(enum.IntEnum):
  """Purpose of a random number, part of its address."""

  # The values are for good: another one would change the order of a run.

  UNLABELLED_ORDER = 1
  CLASS_ORDER = 2
  LABELLED_ORDER = 3
  SPLIT = 4
  UNLABELLED_VIEW = 5
  LABELLED_VIEW = 6
  INITIAL_PARAMETERS = 7
  FINETUNE_ORDER = 8
  FINETUNE_VIEW = 9
  SHARD_ORDER = 10
  BLOCK_ORDER = 11
  METHOD = 12
  ADAPTERS = 13
  PLAYERS = 14


def random_bits(count: int, *address: int) -> np.ndarray:
  """Returns `count` random uint64 that depend on the address only."""
  entropy = np.random.SeedSequence(address)
  return np.random.Philox(entropy).random_raw(count)


def permutation(count: int, *address: int) -> np.ndarray:
  """Returns a random order of `range(count)`, int64, by sorting random keys."""
  return np.argsort(random_bits(count, *address), kind="stable")


def uniform(count: int, *address: int) -> np.ndarray:
  """Returns `count` random float64 in [0, 1), multiples of 2**-53."""
  return (random_bits(count, *address) >> np.uint64(11)) * 2.0**-53
