"""Samples of the views that a method trains on, for people to look at."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from suncet_jax.data.augment import augment
from suncet_jax.data.views import Augmentation
from suncet_jax.train.experiment import Experiment

_IMAGES = 8
_VIEWS = 6


def sample_views(experiment: Experiment) -> tuple[np.ndarray, list[str]]:
  """Returns images of the pool beside views of each kind of the first epoch.

  Args:
    experiment: Experiment whose method chooses the kinds.

  Returns:
    (images, titles): uint8 [n, 1 + v, size, size, c], an image and its views
    per row, without normalization, and the titles of the columns. Small views
    are enlarged.
  """
  pool = experiment.pipeline.splits.pool
  chosen = pool[:: max(1, pool.size // _IMAGES)][:_IMAGES]
  images = next(experiment.pipeline.train.images([chosen]))
  columns, titles = [jnp.asarray(images / 255.0)], ["image"]
  # Crops are made here even if the host makes them in training.
  for number, kind in enumerate(_kinds(experiment)):
    shown = experiment.views[kind].augmentation
    keys = jax.random.split(jax.random.key(number), len(chosen))
    columns.append(_visible(images, keys, shown))
    titles.append(f"{kind} {sum(t.startswith(kind) for t in titles) + 1}")
  size = experiment.config.augment.size
  pixels = np.stack([_resized(column, size) for column in columns], axis=1)
  return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8), titles


def _kinds(experiment: Experiment) -> list[str]:
  """Returns the kind of each column: those of the method, in turn."""
  groups = experiment.spec.groups(experiment.config, 0)
  kinds = list(dict.fromkeys((*groups.unlabelled, *groups.labelled)))
  return [kind for kind in kinds for _ in range(_VIEWS // len(kinds))]


def _visible(
  images: np.ndarray, keys: jax.Array, augmentation: Augmentation
) -> jax.Array:
  # Without mean and std colours stay what they look like.
  return augment(
    images, keys, dataclasses.replace(augmentation, mean=(), std=())
  )


def _resized(images: jax.Array, size: int) -> np.ndarray:
  shape = (len(images), size, size, images.shape[-1])
  return np.asarray(jax.image.resize(images, shape, "linear"))
