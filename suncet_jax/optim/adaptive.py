"""LARS in two forms, and which parameters they adapt."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from suncet_jax.calls import explained

# Decides by a parameter's path and value whether something applies to it.
Predicate = Callable[[tuple[Any, ...], jax.Array], bool]

# What a vision transformer adds to its patches: they are no factors.
_TOKENS = ("class_token", "registers", "positions")


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
  mask = mask_of(adapted)
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
    optax.masked(optax.stateless_with_tree_map(adapt), mask_of(adapted)),
    optax.trace(momentum, nesterov),
    optax.scale_by_learning_rate(schedule),
  )


def mask_of(adapted: Predicate | None) -> Callable[[Any], Any]:
  """Returns a function from parameters to a tree of booleans: is it adapted."""
  if adapted is None:
    return lambda params: jax.tree.map(lambda _: True, params)
  return lambda params: jax.tree.map_with_path(adapted, params)
