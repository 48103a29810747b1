"""Models as pure functions: the boundary between Flax and other packages."""

import dataclasses
import functools
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Self

import flax.linen as nn
import jax
import jax.numpy as jnp

from suncet_jax.architectures import part_name
from suncet_jax.errors import UserError

# Outputs by name: "features" [b, f] always, what a backbone of clips returns
# besides, and the output of each head. Arrays have the dtype of the parameters
# and one row per image.
Outputs = Mapping[str, jax.Array]

# Shape of an input: numbers, or a tree of `jax.ShapeDtypeStruct` as
# `Transform.example` returns it.
Example = Any


class Network(NamedTuple):
  """A Flax module as two pure functions.

  Attributes:
    module: Module that is called as `module(*inputs, train=...)`.
  """

  module: nn.Module

  def init(self, key: jax.Array, *shapes: Example) -> tuple[Any, Any]:
    """Draws parameters.

    Args:
      key: PRNG key.
      *shapes: Static shapes of the inputs; most networks have one; of a tree
        of arrays, a tree of `jax.ShapeDtypeStruct`.

    Returns:
      (params, batch_stats); a module without norms has no statistics, {}.
    """
    # Compiled, because the forward pass that finds the shapes is then dead
    # code; without jit it would run, op by op.
    init = jax.jit(self.module.init, static_argnames="train")
    variables = init(key, *map(_zeros, shapes), train=False)
    return variables["params"], variables.get("batch_stats", {})

  def apply(
    self,
    params: Any,
    batch_stats: Any,
    *inputs: jax.Array,
    train: bool,
    key: jax.Array | None = None,
  ) -> tuple[Any, Any]:
    """Runs the module.

    Args:
      params: Parameters as `init` returns them.
      batch_stats: Statistics as `init` returns them.
      *inputs: Inputs, rows first.
      train: Whether norms use the statistics of the batch, and update the
        running statistics.
      key: PRNG key of dropout and noise, for modules that have them.

    Returns:
      (outputs, batch_stats), the statistics unchanged if not `train`.
    """
    outputs, updates = self.module.apply(
      {"params": params, "batch_stats": batch_stats},
      *inputs,
      train=train,
      mutable=["batch_stats"] if train else [],
      rngs=None if key is None else {"dropout": key},
    )
    return outputs, updates.get("batch_stats", batch_stats)


class Head(NamedTuple):
  """A network on the features, or on the output of another head.

  Attributes:
    network: Network of the head.
    of: Input of the head: "features", another output of the backbone, or the
      name of an earlier head.
    over_all_views: Whether its norms see the views of all sizes together;
      otherwise each size by itself.
  """

  network: Network
  of: str = "features"
  over_all_views: bool = False


@dataclasses.dataclass(frozen=True)
class Model:
  """A backbone and its heads, without their parameters.

  Parameters and running batch-norm statistics are plain nested dicts with the
  key "backbone" and one key per head: its name, or "head" for the projection.

  Attributes:
    feature_size: Size f of the features.
    backbone: Network from images [b, h, w, c] to features [b, f]; of clips, to
      outputs by name, the features among them.
    heads: Heads by name, in the order in which they are applied.
  """

  feature_size: int
  backbone: Network
  heads: Mapping[str, Head]

  @property
  def over_all_views(self) -> tuple[str, ...]:
    """Names of the heads whose norms see the views of all sizes together.

    A head of such a head is one too: its input is there once all sizes are.
    """
    late: list[str] = []
    for name, head in self.heads.items():
      if head.over_all_views or head.of in late:
        late.append(name)
    return tuple(late)

  def with_frozen_norms(self, blocks: int) -> Self:
    """Returns the model with norms that keep their statistics in training.

    Args:
      blocks: Number of first blocks of the backbone whose norms, with all
        before them, normalise by their running statistics, which stay; 0: none,
        -1: all of the backbone. Without batch norms nothing changes.
    """
    module = self.backbone.module
    if getattr(module, "frozen_norms", blocks) == blocks:
      return self
    frozen = Network(module.clone(frozen_norms=blocks))
    return dataclasses.replace(self, backbone=frozen)

  def init(
    self, key: jax.Array, image_shape: Example
  ) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draws parameters; usable under `jit` and `jax.eval_shape`.

    Args:
      key: PRNG key.
      image_shape: Static (h, w, c), of which parameters depend on c only; or
        what `Transform.example` returns.

    Returns:
      (params, batch_stats), the statistics with mean 0 and variance 1.
    """
    backbone_key, first_key = jax.random.split(key)
    params, batch_stats = {}, {}
    of_image = isinstance(image_shape, tuple)
    params["backbone"], batch_stats["backbone"] = self.backbone.init(
      backbone_key, (1, *image_shape) if of_image else image_shape
    )
    sizes = {"features": self.feature_size}
    known = {*sizes, *self.heads}
    if not of_image and any(x.of not in known for x in self.heads.values()):
      example = params["backbone"], batch_stats["backbone"], image_shape
      made, _ = jax.eval_shape(
        functools.partial(self.apply_backbone, train=False), *example
      )
      sizes |= {name: rows.shape[-1] for name, rows in by_name(made).items()}
    for i, (name, head) in enumerate(self.heads.items()):
      part = part_name(name)
      head_key = jax.random.fold_in(first_key, i) if i else first_key
      shape = (1, sizes[head.of])
      params[part], batch_stats[part] = head.network.init(head_key, shape)
      sizes[name] = _output_size(head, params[part], batch_stats[part], shape)
    return params, batch_stats

  def apply(
    self,
    params: Any,
    batch_stats: Any,
    images: Any,
    *,
    train: bool,
    key: jax.Array | None = None,
  ) -> tuple[Outputs, Any]:
    """Runs backbone and heads on one batch.

    Args:
      params: Parameters as `init` returns them.
      batch_stats: Statistics as `init` returns them.
      images: Floating-point images [b, h, w, c], or a tree of arrays of clips.
        In training all b images share the batch-norm statistics, under `jit`
        over all devices.
      train: Whether norms use the statistics of the batch, and update the
        running statistics.
      key: PRNG key of dropout and noise, for networks that have them.

    Returns:
      (outputs by name, batch_stats), the statistics unchanged if not `train`.

    Raises:
      TypeError: Images are not floating point.
      ValueError: Images do not have four axes, or a norm would see only one
        row.
    """
    made, new = self.apply_backbone(
      params["backbone"], batch_stats["backbone"], images, train=train, key=key
    )
    return self.apply_heads(
      params,
      {**batch_stats, "backbone": new},
      by_name(made),
      self.heads,
      train=train,
      key=key,
    )

  def apply_heads(
    self,
    params: Any,
    batch_stats: Any,
    outputs: Outputs,
    names: Iterable[str],
    *,
    train: bool,
    key: jax.Array | None = None,
  ) -> tuple[Outputs, Any]:
    """Runs heads on outputs that are already computed.

    Args:
      params: Parameters of all parts.
      batch_stats: Statistics of all parts.
      outputs: Outputs computed so far, by name.
      names: Names of the heads to run, in order.
      train: See `apply`.
      key: See `apply`.

    Returns:
      (all outputs by name, batch_stats of all parts).
    """
    made, new_stats = dict(outputs), dict(batch_stats)
    for name in names:
      head, part = self.heads[name], part_name(name)
      made[name], new_stats[part] = head.network.apply(
        params[part], batch_stats[part], made[head.of], train=train, key=key
      )
    return made, new_stats

  def apply_backbone(
    self,
    params: Any,
    batch_stats: Any,
    images: Any,
    *,
    train: bool,
    key: jax.Array | None = None,
  ) -> tuple[Any, Any]:
    """Runs the backbone alone.

    Args:
      params: Parameters of the backbone.
      batch_stats: Statistics of the backbone.
      images: Floating-point images [b, h, w, c], or a tree of arrays of clips.
      train: See `apply`.
      key: See `apply`.

    Returns:
      (features [b, f], or of clips outputs by name, and batch_stats of the
      backbone).

    Raises:
      TypeError: Images are not floating point.
      ValueError: Images do not have four axes, or a norm would see only one
        row.
    """
    if not isinstance(images, Mapping):  # of clips, which networks check
      _check_images(images)
    return self.backbone.apply(
      params, batch_stats, images, train=train, key=key
    )

  def apply_features(
    self, params: Any, batch_stats: Any, images: Any, *, train: bool
  ) -> tuple[jax.Array, Any]:
    """Runs the backbone for its features, as fine-tuning needs them.

    Args:
      params: Parameters of the backbone.
      batch_stats: Statistics of the backbone.
      images: See `apply_backbone`.
      train: See `apply`.

    Returns:
      (features [b, f], batch_stats of the backbone).
    """
    made, batch_stats = self.apply_backbone(
      params, batch_stats, images, train=train
    )
    return by_name(made)["features"], batch_stats


def by_name(made: Any) -> Outputs:
  """Returns what a backbone returned as outputs by name.

  Args:
    made: Features, or outputs by name.
  """
  return made if isinstance(made, Mapping) else {"features": made}


def _zeros(shape: Example) -> Any:
  """Returns an input of a shape."""
  if isinstance(shape, tuple):
    return jnp.zeros(shape)
  return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape), shape)


def _check_images(images: jax.Array) -> None:
  if images.ndim != 4:
    raise UserError(
      f"images must have the axes [b, h, w, c], got shape {images.shape}."
    )
  if not jnp.issubdtype(images.dtype, jnp.floating):
    raise TypeError(
      f"images must be floating point in [0, 1], got {images.dtype}."
    )


def _output_size(
  head: Head, params: Any, batch_stats: Any, shape: tuple[int, ...]
) -> int:
  """Returns the number of columns of a head's output, computing nothing."""
  outputs, _ = jax.eval_shape(
    lambda x: head.network.apply(params, batch_stats, x, train=False),
    jax.ShapeDtypeStruct(shape, jnp.float32),
  )
  return outputs.shape[-1]
