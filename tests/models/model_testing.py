"""What the tests of models share: a small config and cheap parameters."""

import functools

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from suncet_jax.config.network_fields import GLOBAL_LOCAL, LIRA
from suncet_jax.fields import defaults

# Tests compile much and run little.
quick_jit = functools.partial(
  jax.jit, compiler_options={"xla_backend_optimization_level": 0}
)


_VIT = {
  "pool": "class",
  "registers": 0,
  "layer_scale": 0.0,
  "image_size": 0,
  "norm_epsilon": 1e-6,
}


def model_config(head=None, vit=None, global_local=None, lira=None, **fields):
  """Returns the config of a tiny ResNet with some fields replaced."""
  config = {
    "name": "resnet8",
    "width": 1,
    "stem": "cifar",
    "convolution": "auto",
    "zero_init_residual": False,
  }
  small_head = {
    "layers": 2,
    "hidden": 0,
    "out": 8,
    "batch_norm": False,
    "output_batch_norm": False,
  }
  parts = {
    "head": small_head | (head or {}),
    "vit": _VIT | (vit or {}),
    "global_local": defaults(GLOBAL_LOCAL) | (global_local or {}),
    "lira": defaults(LIRA) | (lira or {}),
  }
  return ml_collections.ConfigDict(config | fields | parts)


def abstract_variables(model, image_shape=(8, 8, 3)):
  """Returns shapes and dtypes of (params, batch_stats), computing nothing."""
  return jax.eval_shape(lambda key: model.init(key, image_shape), _key())


def inner_shapes(model, image_shape):
  """Returns the output shape of each module for one image: {"a/b": [...]}."""

  def run(key):
    params, stats = model.init(key, image_shape)
    _, state = model.backbone.module.apply(
      {"params": params["backbone"], "batch_stats": stats["backbone"]},
      jnp.zeros((1, *image_shape)),
      train=False,
      capture_intermediates=True,
    )
    return state["intermediates"]

  leaves = jax.tree_util.tree_leaves_with_path(jax.eval_shape(run, _key()))
  # Each path ends in "__call__" and the number of the call, always 0.
  return {
    "/".join(entry.key for entry in path[:-2]): leaf.shape
    for path, leaf in leaves
  }


def cheap_variables(model, image_shape=(8, 8, 3), seed=0):
  """Returns (params, batch_stats) drawn by NumPy, which compiles nothing."""
  rng = np.random.default_rng(seed)

  def draw(path, leaf):
    x = rng.standard_normal(leaf.shape).astype(leaf.dtype)
    match path[-1].key:
      case "kernel":
        return x / np.sqrt(np.prod(leaf.shape[:-1])).astype(leaf.dtype)
      case "scale" | "var":
        return 1 + np.abs(x) / 10
      case _:
        return x / 10

  return jax.tree_util.tree_map_with_path(
    draw, abstract_variables(model, image_shape)
  )


def random_images(*shape):
  """Returns float32 images in [0, 1) of the shape [b, h, w, c]."""
  return np.random.default_rng(0).random(shape).astype(np.float32)


def quick_apply(model):
  """Returns the model's `apply`, compiled."""
  return quick_jit(model.apply, static_argnames="train")


def count(tree):
  """Returns the number of scalars in a pytree of arrays or shapes."""
  return sum(leaf.size for leaf in jax.tree.leaves(tree))


def _key():
  return jax.eval_shape(lambda: jax.random.key(0))
