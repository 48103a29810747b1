"""Fine-tuning of a trained state by SuNCEt on the labelled images."""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from ml_collections import ConfigDict

from suncet_jax import losses, optim
from suncet_jax.data.sampling.build import default_classes_per_batch
from suncet_jax.data.sampling.samplers import ClassBalancedSampler
from suncet_jax.devices.mesh import RowPlacement, over_rows
from suncet_jax.evals.soft_nn_finetune import soft_nn_finetune
from suncet_jax.train.experiment import Experiment
from suncet_jax.train.state import TrainState

_VIEWS = 2


def soft_nn_finetune_on_labels(
  experiment: Experiment,
  state: TrainState,
  prepared: Callable[[jax.Array], jax.Array],
) -> TrainState:
  """Trains backbone and projection, as `evals.soft_nn_finetune` says.

  Args:
    experiment: Gives the images and the settings.
    state: The pre-trained encoder; not modified.
    prepared: Images of the source -> images for the network, as evaluation
      sees them.

  Returns:
    A state to evaluate, whose encoder is the fine-tuned one.
  """
  settings = experiment.config.evals.soft_nn_finetune
  params, batch_stats = state.encoder
  loaded = _batches(experiment)

  def embed(params: Any, images: jax.Array) -> jax.Array:
    outputs, _ = experiment.model.apply(
      params, batch_stats, images, train=False
    )
    return outputs["projection"]

  suncet = functools.partial(losses.suncet, temperature=settings.temperature)
  tuned = soft_nn_finetune(
    embed,
    params,
    lambda step: next(loaded),  # asked for in order: 0, 1, 2, ...
    loss=over_rows(experiment.mesh, suncet),
    optimizer=_optimizer(settings),
    steps=settings.steps,
    prepare=lambda images, key: mirrored(prepared(images), key),
    seed=experiment.config.seed,
  )
  return dataclasses.replace(
    state, params=tuned.params, batch_stats=batch_stats, average=()
  )


def mirrored(images: jax.Array, key: jax.Array) -> jax.Array:
  """Returns two views of each image, each mirrored with probability 0.5.

  Args:
    images: Images [b, h, w, c].
    key: PRNG key.

  Returns:
    [2 b, h, w, c], the views of an image in a row.
  """
  # By row, so that rows that only fill up the devices change nothing.
  keys = jax.vmap(jax.random.fold_in, (None, 0))(
    key, jnp.arange(images.shape[0])
  )
  flips = jax.vmap(lambda k: jax.random.bernoulli(k, 0.5, (_VIEWS,)))(keys)
  views = jnp.where(
    flips[..., None, None, None], images[:, None, :, ::-1], images[:, None]
  )
  return views.reshape(-1, *images.shape[1:])


def _optimizer(settings: ConfigDict) -> optax.GradientTransformation:
  """Returns LARS with a cosine.

  Biases and norms are not scaled by their norms, as in PAWS's pre-training.
  """
  schedule = optim.warmup_cosine(
    start=settings.learning_rate,
    peak=settings.learning_rate,
    final=settings.final_learning_rate,
    warmup_steps=0,
    total_steps=settings.steps,
  )
  return optim.lars(schedule, momentum=0.9, adapted=optim.is_matrix)


def _batches(
  experiment: Experiment,
) -> Iterator[tuple[jax.Array, jax.Array]]:
  """Yields images and labels; label -1: a row that fills up the devices."""
  settings = experiment.config.evals.soft_nn_finetune
  source, sampler = experiment.pipeline.train, _sampler(experiment)
  count = sampler(0).size
  devices = experiment.mesh.size
  placement = RowPlacement(experiment.mesh, -(-count // devices) * devices)
  rows = [
    np.resize(sampler(step), placement.count)[placement.rows]
    for step in range(settings.steps)
  ]
  for images, indices in zip(source.images(iter(rows)), rows, strict=True):
    labels = np.where(placement.rows < count, source.labels[indices], -1)
    yield placement.put(images), placement.put(labels)


def _sampler(experiment: Experiment) -> ClassBalancedSampler:
  config, pipeline = experiment.config, experiment.pipeline
  settings = config.evals.soft_nn_finetune
  labelled, names = pipeline.splits.labelled, pipeline.dataset.class_names
  labels = pipeline.train.labels[labelled]
  default = default_classes_per_batch(len(names))
  return ClassBalancedSampler(
    labelled,
    labels,
    names,
    classes_per_batch=settings.classes_per_batch or default,
    # Copies of an image would be its positives without being other views.
    images_per_class=min(settings.images_per_class, np.bincount(labels).max()),
    seed=config.seed,
  )
