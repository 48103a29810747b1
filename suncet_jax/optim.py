"""Optimisers of the recipes, built from optax."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from suncet_jax.calls import explained

# Decides by a parameter's path and value whether something applies to it.
Predicate = Callable[[tuple[Any, ...], jax.Array], bool]


@explained("optim")
def warmup_cosine(
  *,
  start: float,
  peak: float,
  final: float,
  warmup_steps: int,
  total_steps: int,
) -> optax.Schedule:
  """Returns a linear warm-up, then a cosine to `final` at `total_steps`.

  The cosine ends where training ends. (Upstream subtracts the warm-up twice, so
  that its rate rises again in the last epochs.)

  Args:
    start: Rate at step 0; not used without warm-up.
    peak: Rate at `warmup_steps`.
    final: Rate at `total_steps`, one after the last step.
    warmup_steps: Number of steps of the linear part; may be 0.
    total_steps: Number of steps of the whole training.

  Returns:
    Function from step to learning rate.
  """
  cosine = optax.cosine_decay_schedule(
    peak, max(1, total_steps - warmup_steps), alpha=final / peak
  )
  if not warmup_steps:
    return cosine
  linear = optax.linear_schedule(start, peak, warmup_steps)
  return optax.join_schedules([linear, cosine], [warmup_steps])


def is_matrix(path: tuple[Any, ...], leaf: jax.Array) -> bool:
  """Returns whether a parameter is a kernel of a convolution or dense layer.

  Args:
    path: Path of the parameter in the tree.
    leaf: The parameter.
  """
  del path
  # Biases and parameters of norms have one axis.
  return jnp.ndim(leaf) > 1


@explained("optim")
def lars(
  schedule: optax.Schedule,
  *,
  weight_decay: float = 0.0,
  momentum: float = 0.9,
  trust_coefficient: float = 0.001,
  adapted: Predicate | None = None,
) -> optax.GradientTransformation:
  """Returns optax's LARS (You et al. 2017, arXiv 1708.03888), with masks.

  The momentum includes the learning rate, as in SimCLR's and SuNCEt's code.
  Where a gradient is exactly zero, optax still decays the parameter, while
  SuNCEt's code does not.

  Args:
    schedule: Function from step to learning rate.
    weight_decay: Factor of the parameters that is added to their gradients.
    momentum: Momentum of the updates.
    trust_coefficient: Ratio of update norm to parameter norm at rate 1.
    adapted: Predicate of the parameters that are decayed and scaled by their
      norms; None adapts all of them (the recipe of arXiv 2006.10803).

  Returns:
    Gradient transformation of optax.
  """
  return optax.lars(
    schedule,
    weight_decay=weight_decay,
    weight_decay_mask=_mask(adapted),
    trust_coefficient=trust_coefficient,
    eps=1e-8,  # as in SuNCEt's code; optax's default is 0
    trust_ratio_mask=_mask(adapted),
    momentum=momentum,
  )


def _mask(adapted: Predicate | None) -> Callable[[Any], Any]:
  """Returns a function from parameters to a tree of booleans: is it adapted."""
  if adapted is None:
    return lambda params: jax.tree.map(lambda _: True, params)
  return lambda params: jax.tree.map_with_path(adapted, params)


def make_optimizer(
  config: ConfigDict, steps_per_epoch: int
) -> tuple[optax.GradientTransformation, optax.Schedule]:
  """Builds the optimiser that `config.optim` describes.

  Args:
    config: The whole configuration; `optim` and `train.epochs` are read.
    steps_per_epoch: Number of steps for one pass over the unlabelled pool.

  Returns:
    Optimiser, and its schedule from step to learning rate.
  """
  optim = config.optim
  schedule = warmup_cosine(
    start=optim.start_lr,
    peak=optim.peak_lr,
    final=optim.final_lr,
    warmup_steps=round(optim.warmup_epochs * steps_per_epoch),
    total_steps=config.train.epochs * steps_per_epoch,
  )
  adapted = is_matrix if optim.exclude_bias_and_norm else None
  if optim.name == "lars":
    return lars(
      schedule,
      weight_decay=optim.weight_decay,
      momentum=optim.momentum,
      trust_coefficient=optim.trust_coefficient,
      adapted=adapted,
    ), schedule
  decay = optax.add_decayed_weights(optim.weight_decay, mask=_mask(adapted))
  sgd = optax.sgd(schedule, momentum=optim.momentum)
  return optax.chain(decay, sgd), schedule
