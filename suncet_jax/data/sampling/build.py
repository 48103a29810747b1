"""The order of images that a configuration describes."""

from typing import NamedTuple

import jax
import numpy as np
from absl import logging
from ml_collections import ConfigDict

from suncet_jax.data.sampling.samplers import (
  ClassBalancedSampler,
  EpochSampler,
  Sampler,
  UnlabelledSampler,
)
from suncet_jax.data.source import Dataset, Source
from suncet_jax.data.splits import Splits

_MOST_CLASSES = 20  # in a batch by default, as in the paper's recipe


class Order(NamedTuple):
  """The samplers of a run, which choose the images of each step.

  Attributes:
    unlabelled: Sampler of unlabelled images.
    labelled: Sampler of labelled images.
    labelled_batch_size: Labelled images per step, over all devices.
  """

  unlabelled: EpochSampler
  labelled: Sampler
  labelled_batch_size: int


def default_classes_per_batch(class_count: int) -> int:
  """Returns the number of classes in a labelled batch if 0 is configured."""
  return min(class_count, _MOST_CLASSES)


def make_order(config: ConfigDict, dataset: Dataset, splits: Splits) -> Order:
  """Builds the samplers that a configuration describes.

  Args:
    config: The whole configuration; `data` and `seed` are read.
    dataset: Data set with the training images.
    splits: Splits of the training images.

  Returns:
    The samplers.

  Raises:
    ValueError: If there are too few images of a kind, or too many for memory.
  """
  wanted, train = config.data.labelled, dataset.train
  default = default_classes_per_batch(len(dataset.class_names))
  classes = wanted.classes_per_batch or default
  labels = train.labels[splits.labelled]
  labelled = ClassBalancedSampler(
    splits.labelled,
    labels,
    dataset.class_names,
    classes_per_batch=classes,
    images_per_class=wanted.images_per_class,
    seed=config.seed,
  )
  _warn_of_small_classes(labelled, wanted.images_per_class)
  return Order(
    _unlabelled_sampler(config, train, splits),
    labelled,
    classes * wanted.images_per_class,
  )


def _unlabelled_sampler(
  config: ConfigDict, source: Source, splits: Splits
) -> EpochSampler:
  data = config.data
  if data.source != "tfds" or data.reading != "streaming":
    return UnlabelledSampler(splits.pool, data.batch_size, config.seed)
  # These import TensorFlow: only streaming needs it.
  from suncet_jax.data.sampling.shards import (
    BlockSampler,
    StreamingSampler,
    check_memory,
    streamed_records,
  )

  records = streamed_records(source)
  blocks = BlockSampler(
    splits.pool,
    records.shard_starts,
    data.batch_size,
    block_shards=data.block_shards,
    process_index=jax.process_index(),
    process_count=jax.process_count(),
    seed=config.seed,
  )
  kept = np.union1d(splits.labelled, splits.validation)
  check_memory(
    blocks,
    records,
    kept,
    block_shards=data.block_shards,
    limit_gb=data.memory_limit_gb,
  )
  records.keep(kept)
  return StreamingSampler(blocks, records)


def _warn_of_small_classes(
  sampler: ClassBalancedSampler, images_per_class: int
) -> None:
  if sampler.smallest_class < images_per_class:
    logging.warning(
      "The smallest class has %d labelled images, fewer than "
      "data.labelled.images_per_class=%d: some appear more than once in a "
      "batch, each time as another view.",
      sampler.smallest_class,
      images_per_class,
    )
