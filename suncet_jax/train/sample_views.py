"""Samples of the views that a method trains on, for people to look at."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from suncet_jax.data.augment.view import View
from suncet_jax.data.clips.clip import Clip
from suncet_jax.data.clips.picture import pictures
from suncet_jax.data.transform import Transform
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
  columns, titles = [jnp.asarray(pictures(images) / 255.0)], ["image"]
  # Crops are made here even if the host makes them in training.
  for number, kind in enumerate(_kinds(experiment)):
    shown = _unnormalized(experiment.views[kind])
    keys = jax.random.split(jax.random.key(number), len(chosen))
    columns.append(jnp.asarray(pictures(shown.view(images, keys))))
    titles.append(f"{kind} {sum(t.startswith(kind) for t in titles) + 1}")
  of_clips = isinstance(experiment.views["view"], Clip)
  size = columns[0].shape[1] if of_clips else experiment.config.augment.size
  pixels = np.stack([_resized(column, size) for column in columns], axis=1)
  return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8), titles


def _kinds(experiment: Experiment) -> list[str]:
  """Returns the kind of each column: those of the method, in turn."""
  groups = experiment.spec.groups(experiment.config, 0)
  kinds = list(dict.fromkeys((*groups.unlabelled, *groups.labelled)))
  return [kind for kind in kinds for _ in range(_VIEWS // len(kinds))]


def _unnormalized(kind: Transform) -> Transform:
  """Returns a kind of view that draws all of it on the device."""
  # Without mean and std colours stay what they look like.
  if isinstance(kind, Clip):
    return dataclasses.replace(kind, mean=(), std=())
  assert isinstance(kind, View), "transforms are of images or of clips"
  return View(dataclasses.replace(kind.augmentation, mean=(), std=()))


def _resized(images: jax.Array, size: int) -> np.ndarray:
  shape = (len(images), size, size, images.shape[-1])
  return np.asarray(jax.image.resize(images, shape, "linear"))
