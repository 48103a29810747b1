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

# What a vision transformer adds to its patches: they are no factors.
_TOKENS = ("class_token", "registers", "positions")


@explained("optim")
def warmup_cosine(
  *,
  start: float,
  peak: float,
  final: float,
  warmup_steps: int,
  total_steps: int,
  includes_peak: bool = False,
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
    includes_peak: Whether the last step of the warm-up has the peak, too.

  Returns:
    Function from step to learning rate.
  """
  cosine = optax.cosine_decay_schedule(
    peak, max(1, total_steps - warmup_steps), alpha=final / peak
  )
  return _warmed_up(cosine, start, peak, warmup_steps, includes_peak)


@explained("optim")
def cosine_7_16(
  *,
  start: float,
  peak: float,
  warmup_steps: int,
  total_steps: int,
  includes_peak: bool = False,
) -> optax.Schedule:
  r"""Returns a warm-up, then :math:`peak \cos(7 \pi t / (16 T))`.

  T is the number of steps after the warm-up. Source: FixMatch (arXiv
  2001.07685), section 2.4, which has no warm-up.

  Args:
    start: Rate at step 0; not used without warm-up.
    peak: Rate at `warmup_steps`.
    warmup_steps: Number of steps of the linear part; may be 0.
    total_steps: Number of steps of the whole training.
    includes_peak: Whether the last step of the warm-up has the peak, too.

  Returns:
    Function from step to learning rate.
  """
  turn = 7 / 16 * jnp.pi / max(1, total_steps - warmup_steps)

  def cosine(step: jax.typing.ArrayLike) -> jax.Array:
    return peak * jnp.cos(turn * jnp.asarray(step, jnp.float32))

  return _warmed_up(cosine, start, peak, warmup_steps, includes_peak)


def _warmed_up(
  after: optax.Schedule,
  start: float,
  peak: float,
  steps: int,
  includes_peak: bool,
) -> optax.Schedule:
  if not steps:
    return after
  linear = optax.linear_schedule(start, peak, steps - includes_peak)
  return optax.join_schedules([linear, after], [steps])


def is_matrix(path: tuple[Any, ...], leaf: jax.Array) -> bool:
  """Returns whether a parameter is a kernel of a convolution or dense layer.

  Args:
    path: Path of the parameter in the tree.
    leaf: The parameter.
  """
  name = getattr(path[-1], "key", "") if path else ""
  # Biases and parameters of norms have one axis.
  return jnp.ndim(leaf) > 1 and name not in _TOKENS


@explained("optim")
def lars(
  schedule: optax.Schedule,
  *,
  weight_decay: float = 0.0,
  momentum: float = 0.9,
  nesterov: bool = False,
  trust_coefficient: float = 0.001,
  lr_in_momentum: bool = True,
  adapted: Predicate | None = None,
) -> optax.GradientTransformation:
  """Returns optax's LARS (You et al. 2017, arXiv 1708.03888), with masks.

  With `lr_in_momentum` updates are scaled by the learning rate before momentum
  sums them, as in SimCLR's code and SuNCEt's later one; SuNCEt's first release
  scales the sum (see `larc`). Two differences to SuNCEt's code remain: optax
  divides by the norm of gradient and decay together, not by the sum of their
  norms, and decays a parameter whose gradient is exactly zero.

  Args:
    schedule: Function from step to learning rate.
    weight_decay: Factor of the parameters that is added to their gradients.
    momentum: Momentum of the updates.
    nesterov: Whether the momentum is Nesterov's.
    trust_coefficient: Ratio of update norm to parameter norm at rate 1.
    lr_in_momentum: Whether momentum sums updates at their learning rates.
    adapted: Predicate of the parameters that are decayed and scaled by their
      norms; None adapts all of them (the recipe of arXiv 2006.10803).

  Returns:
    Gradient transformation of optax.
  """
  mask = _mask(adapted)
  rate = optax.scale_by_learning_rate(schedule)
  trace = optax.trace(momentum, nesterov)
  return optax.chain(
    optax.add_decayed_weights(weight_decay, mask),
    optax.masked(
      optax.scale_by_trust_ratio(
        trust_coefficient=trust_coefficient,
        eps=1e-8,  # as in SuNCEt's code; optax's default is 0
      ),
      mask,
    ),
    *((rate, trace) if lr_in_momentum else (trace, rate)),
  )


@explained("optim")
def larc(
  schedule: optax.Schedule,
  *,
  weight_decay: float = 0.0,
  momentum: float = 0.9,
  nesterov: bool = False,
  trust_coefficient: float = 0.001,
  adapted: Predicate | None = None,
) -> optax.GradientTransformation:
  r"""Returns LARS as apex's LARC makes it of SGD, in SwAV and early SuNCEt.

  A gradient g of a parameter p becomes

  .. math::
    \frac{c \lVert p \rVert}
    {\lVert g \rVert + w \lVert p \rVert + 10^{-8}} \, (g + w p)

  where neither norm is zero, otherwise it stays as it is, without decay. The
  learning rate multiplies the momentum's sum.

  Args:
    schedule: Function from step to learning rate.
    weight_decay: Factor w of the parameters.
    momentum: Momentum of the updates.
    nesterov: Whether the momentum is Nesterov's.
    trust_coefficient: Ratio c of update norm to parameter norm at rate 1.
    adapted: Predicate of the parameters that are decayed and scaled by their
      norms; None adapts all of them.

  Returns:
    Gradient transformation of optax.
  """

  def adapt(gradient: jax.Array, parameter: jax.Array) -> jax.Array:
    of_gradient = jnp.linalg.norm(gradient.ravel())
    of_parameter = jnp.linalg.norm(parameter.ravel())
    divisor = of_gradient + weight_decay * of_parameter + 1e-8
    ratio = trust_coefficient * of_parameter / divisor
    adapted = ratio * (gradient + weight_decay * parameter)
    return jnp.where((of_gradient > 0) & (of_parameter > 0), adapted, gradient)

  return optax.chain(
    optax.masked(optax.stateless_with_tree_map(adapt), _mask(adapted)),
    optax.trace(momentum, nesterov),
    optax.scale_by_learning_rate(schedule),
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
  schedule = _schedule(config, steps_per_epoch)
  options = {
    "weight_decay": optim.weight_decay,
    "momentum": optim.momentum,
    "nesterov": optim.nesterov,
    "adapted": is_matrix if optim.exclude_bias_and_norm else None,
  }
  match optim.name:
    case "lars":
      made = lars(
        schedule,
        trust_coefficient=optim.trust_coefficient,
        lr_in_momentum=optim.lr_in_momentum,
        **options,
      )
    case "larc":
      made = larc(
        schedule, trust_coefficient=optim.trust_coefficient, **options
      )
    case _:
      made = optax.chain(
        optax.add_decayed_weights(
          optim.weight_decay, mask=_mask(options["adapted"])
        ),
        optax.sgd(schedule, momentum=optim.momentum, nesterov=optim.nesterov),
      )
  return made, schedule


def _schedule(config: ConfigDict, steps_per_epoch: int) -> optax.Schedule:
  optim = config.optim
  shared = {
    "start": optim.start_lr,
    "peak": optim.peak_lr,
    "warmup_steps": round(optim.warmup_epochs * steps_per_epoch),
    "total_steps": config.train.epochs * steps_per_epoch,
    "includes_peak": optim.warmup_includes_peak,
  }
  if optim.schedule == "cosine_7_16":
    return cosine_7_16(**shared)
  return warmup_cosine(final=optim.final_lr, **shared)
