"""The optimisers of the recipes, all of them optax's."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

# From a parameter's path and value to whether something applies to it.
Predicate = Callable[[tuple[Any, ...], jax.Array], bool]


def warmup_cosine(
  *,
  start: float,
  peak: float,
  final: float,
  warmup_steps: int,
  total_steps: int,
) -> optax.Schedule:
  """Linear warm-up, then a cosine to `final` at `total_steps`.

  The cosine ends where training ends; upstream subtracts the warm-up twice, so
  that its rate climbs again in the last epochs.

  Args:
    start: Rate at step 0; without warm-up it is not used.
    peak: Rate at `warmup_steps`.
    final: Rate at `total_steps` (the last step taken is the one before).
    warmup_steps: Steps of the linear part; may be 0.
    total_steps: Steps of the whole training.

  Returns:
    A function from step to learning rate.
  """
  cosine = optax.cosine_decay_schedule(
    peak, max(1, total_steps - warmup_steps), alpha=final / peak
  )
  if not warmup_steps:
    return cosine
  linear = optax.linear_schedule(start, peak, warmup_steps)
  return optax.join_schedules([linear, cosine], [warmup_steps])


def is_matrix(path: tuple[Any, ...], leaf: jax.Array) -> bool:
  """Whether a parameter is a kernel: biases and norm parameters have one axis.

  Args:
    path: The parameter's place in the tree.
    leaf: The parameter.

  Returns:
    True for kernels of convolutions and dense layers.
  """
  del path
  return jnp.ndim(leaf) > 1


def lars(
  schedule: optax.Schedule,
  *,
  weight_decay: float = 0.0,
  momentum: float = 0.9,
  trust_coefficient: float = 0.001,
  adapted: Predicate | None = None,
) -> optax.GradientTransformation:
  """LARS (You et al. 2017, arXiv 1708.03888) as optax has it, with masks.

  The learning rate goes into the momentum, as in SimCLR's and SuNCEt's code.
  Where a gradient is exactly zero optax still decays the tensor, while
  SuNCEt's code leaves it alone.

  Args:
    schedule: From step to learning rate.
    weight_decay: Added to the gradient as weight_decay * parameter.
    momentum: Of the updates.
    trust_coefficient: Ratio of update norm to parameter norm at rate 1.
    adapted: From path and parameter to whether it is decayed and scaled by
      its norms; None adapts every parameter (the recipe of arXiv 2006.10803).

  Returns:
    An optax gradient transformation.
  """
  return optax.lars(
    schedule,
    weight_decay=weight_decay,
    weight_decay_mask=_mask(adapted),
    trust_coefficient=trust_coefficient,
    eps=1e-8,  # of SuNCEt's code; optax's default is 0
    trust_ratio_mask=_mask(adapted),
    momentum=momentum,
  )


def _mask(adapted: Predicate | None) -> Callable[[Any], Any]:
  """Returns params -> a tree of whether each one is adapted."""
  if adapted is None:
    return lambda params: jax.tree.map(lambda _: True, params)
  return lambda params: jax.tree.map_with_path(adapted, params)


def make_optimizer(
  config: ConfigDict, steps_per_epoch: int
) -> tuple[optax.GradientTransformation, optax.Schedule]:
  """Builds what `config.optim` describes.

  Args:
    config: The whole configuration; `optim` and `train.epochs` are read.
    steps_per_epoch: Steps over the unlabelled pool.

  Returns:
    The optimiser and its schedule, from step to learning rate.
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
