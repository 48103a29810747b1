"""One step of fine-tuning, and the state it works on."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import optax

from suncet_jax.errors import UserError
from suncet_jax.evals import _classifier

Prepare = Callable[[jax.Array, jax.Array], jax.Array]


class ApplyBackbone(Protocol):
  """The network without its head, as a pure function."""

  def __call__(
    self, params: Any, batch_stats: Any, images: jax.Array, *, train: bool
  ) -> tuple[jax.Array, Any]:
    """Returns features [b, f] and the batch statistics after this batch."""


class Variables(NamedTuple):
  """Arrays of a network under fine-tuning.

  Attributes:
    params: Parameters of the backbone.
    batch_stats: Statistics of the backbone.
    classifier: Classifier of its features.
  """

  params: Any
  batch_stats: Any
  classifier: _classifier.Classifier


class State(NamedTuple):
  """State that one step hands to the next.

  Attributes:
    step: Number of steps that were taken, int32.
    variables: Arrays of the network.
    opt_state: State of the optimizer.
  """

  step: jax.Array
  variables: Variables
  opt_state: optax.OptState


def initial_state(
  params: Any,
  batch_stats: Any,
  classifier: _classifier.Classifier,
  optimizer: optax.GradientTransformation,
) -> tuple[State, jax.sharding.Sharding]:
  """Returns the state before step 0, and where it lies.

  Args:
    params: Parameters of the backbone; copied, since steps donate theirs.
    batch_stats: Statistics of the backbone; copied as well.
    classifier: Classifier to start from.
    optimizer: Optimizer that will be used.

  Returns:
    The state, all of it placed like the first array of `params`, and that
    placement.
  """
  params, batch_stats = jax.tree.map(jnp.copy, (params, batch_stats))
  sharding = jax.tree.leaves(params)[0].sharding
  opt_state = optimizer.init((params, classifier))
  variables = Variables(params, batch_stats, classifier)
  state = State(jnp.zeros((), jnp.int32), variables, opt_state)
  return jax.device_put(state, sharding), sharding


def apply_network(
  apply_backbone: ApplyBackbone,
  variables: Variables,
  images: jax.Array,
  *,
  train: bool,
) -> tuple[jax.Array, Any]:
  """Applies the backbone and its classifier.

  Args:
    apply_backbone: The backbone.
    variables: Arrays of the network.
    images: [b, h, w, c], or a tree of rows.
    train: Whether batch norm uses the statistics of this batch.

  Returns:
    Logits [b, c] float32 and the new batch statistics.

  Raises:
    ValueError: If the features do not fit the classifier.
  """
  features, batch_stats = apply_backbone(
    variables.params, variables.batch_stats, images, train=train
  )
  rows = jax.tree.leaves(images)[0].shape[0]
  expected = (rows, variables.classifier.kernel.shape[0])
  if features.shape != expected:
    raise UserError(
      f"apply_backbone must return features of shape {expected}, got "
      f"{features.shape}."
    )
  return _classifier.logits(variables.classifier, features), batch_stats


def make_step(
  apply_backbone: ApplyBackbone,
  optimizer: optax.GradientTransformation,
  prepare: Prepare | None,
  backbone_scale: Any = 1.0,
) -> Callable[..., tuple[State, jax.Array]]:
  """Returns the pure (state, images, labels, seed) -> (state, loss).

  Args:
    apply_backbone: The backbone.
    optimizer: From gradients to updates.
    prepare: See `finetune`.
    backbone_scale: Factor of the backbone's learning rate, or a tree of them;
      all 0: the backbone is frozen, and its norms use their running statistics.
  """
  is_frozen = not any(jax.tree.leaves(backbone_scale))

  def loss_of(
    trained: Any, batch_stats: Any, images: jax.Array, labels: jax.Array
  ) -> tuple[jax.Array, Any]:
    params, classifier = trained
    params = _each(
      lambda x, factor: x if factor else jax.lax.stop_gradient(x),
      params,
      backbone_scale,
    )
    variables = Variables(params, batch_stats, classifier)
    scores, batch_stats = apply_network(
      apply_backbone, variables, images, train=not is_frozen
    )
    return _classifier.cross_entropy(scores, labels), batch_stats

  def step(
    state: State, images: jax.Array, labels: jax.Array, seed: jax.Array
  ) -> tuple[State, jax.Array]:
    if prepare is not None:
      key = jax.random.fold_in(jax.random.key(seed), state.step)
      images = prepare(images, key)
    params, batch_stats, classifier = state.variables
    trained = (params, classifier)
    (loss, batch_stats), grads = jax.value_and_grad(loss_of, has_aux=True)(
      trained, batch_stats, images, labels
    )
    updates, opt_state = optimizer.update(grads, state.opt_state, trained)
    of_backbone, of_classifier = updates
    of_backbone = _each(
      lambda x, factor: factor * x if factor else jnp.zeros_like(x),
      of_backbone,
      backbone_scale,
    )
    updates = of_backbone, of_classifier
    params, classifier = optax.apply_updates(trained, updates)
    variables = Variables(params, batch_stats, classifier)
    return State(state.step + 1, variables, opt_state), loss

  return step


def _each(
  change: Callable[[jax.Array, float], jax.Array], tree: Any, factors: Any
) -> Any:
  """Changes the leaves of a tree by a factor for all, or one for each."""
  if isinstance(factors, int | float):
    factors = jax.tree.map(lambda _: factors, tree)
  return jax.tree.map(change, tree, factors)
