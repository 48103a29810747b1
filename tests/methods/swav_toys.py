"""A network without norms, of views of any size, and SwAV's parameters."""

import jax
import jax.numpy as jnp
import numpy as np

from suncet_jax.devices.mesh import by_rows
from suncet_jax.methods.base import Moment, Views

CHANNELS, SIZE = 6, 5  # of images and of projections


class Linear:
  """An encoder of two linear maps: rows do not depend on one another."""

  heads = ("projection", "prototypes")
  over_all_views = heads

  def apply_backbone(self, params, batch_stats, images, *, train, key):
    del train, key
    return images.mean(axis=(1, 2)) @ params, batch_stats

  def apply_heads(
    self, params, batch_stats, outputs, names, *, train, key=None
  ):
    del train, key
    if "projection" in names:
      projection = outputs["features"] @ params["head"] + params["bias"]
      outputs = {**outputs, "projection": projection}
    return outputs, batch_stats


def parameters(prototypes=7, seed=0):
  """Returns parameters of the encoder and prototypes of any length."""
  rng = np.random.default_rng(seed)
  return {
    "backbone": jnp.asarray(rng.normal(size=(CHANNELS, 8))),
    "head": jnp.asarray(rng.normal(size=(8, SIZE)) / 3),
    "bias": jnp.asarray(rng.normal(size=SIZE) / 3),
    "prototypes": {
      "dense1": {"kernel": jnp.asarray(rng.normal(size=(SIZE, prototypes)))}
    },
  }


STATISTICS = {"backbone": {}}


def images(seed, rows=8, small=1, labelled=0):
  """Returns two views and small ones of noisy images, and labelled views."""
  rng = np.random.default_rng(seed)
  centres = rng.normal(size=(rows, 1, 1, CHANNELS))
  sizes = [4, 4, *[2] * small]
  unlabelled = [
    centres + rng.normal(size=(rows, size, size, CHANNELS)) for size in sizes
  ]
  others = [rng.normal(size=(rows, 4, 4, CHANNELS)) for _ in range(labelled)]
  return unlabelled, others, np.arange(rows, dtype=np.int32) // 2


def views(made, mesh):
  """Returns what `images` made as a step has it, spread over devices."""
  unlabelled, labelled, labels = made

  def put(rows):
    return jax.device_put(jnp.asarray(rows), by_rows(mesh))

  return Views(
    tuple(map(put, unlabelled)),
    tuple(map(put, labelled)),
    put(labels) if labelled else None,
  )


def moment(step, steps_per_epoch=2):
  """Returns the time of a step."""
  return Moment(
    step=jnp.int32(step),
    epoch=jnp.float32(step) / steps_per_epoch,
    key=jax.random.key(step),
  )


def stepper(method, encode, optimizer):
  """Returns a jitted step of the method: (params, own, opt, views, moment)."""

  @jax.jit
  def step(params, own, opt, views, moment):
    (loss, output), gradient = jax.value_and_grad(method.loss, has_aux=True)(
      params, STATISTICS, own, views, encode, moment
    )
    updates, opt = optimizer.update(gradient, opt, params)
    moved = jax.tree.map(jnp.add, params, updates)
    params, own = method.update(moved, own, output.aux, moment)
    return params, own, opt, loss, output.metrics

  return step
