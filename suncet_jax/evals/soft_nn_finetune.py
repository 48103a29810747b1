"""Fine-tuning of embeddings for soft nearest neighbours, by SuNCEt alone."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from jax.typing import ArrayLike

from suncet_jax.evals import _checks

# Rows and labels, each of all devices, to a loss.
Loss = Callable[[jax.Array, jax.Array], jax.Array]


class SoftNNFineTuned(NamedTuple):
  """Parameters fine-tuned for soft nearest neighbours.

  Attributes:
    params: The parameters.
    losses: [steps] float32, SuNCEt in nats of each batch before its update.
  """

  params: Any
  losses: np.ndarray


def soft_nn_finetune(
  embed: Callable[[Any, jax.Array], jax.Array],
  params: Any,
  train_batch: Callable[[int], tuple[ArrayLike, ArrayLike]],
  *,
  loss: Loss,
  optimizer: optax.GradientTransformation,
  steps: int,
  prepare: Callable[[jax.Array, jax.Array], jax.Array] | None = None,
  seed: int = 0,
) -> SoftNNFineTuned:
  """Trains an encoder on labelled images by SuNCEt.

  What PAWS (Assran et al. 2021, arXiv 2104.13963) does on CIFAR-10 before it
  classifies by soft nearest neighbours.

  Args:
    embed: (params, images) -> embeddings [b, d], with norms in evaluation mode.
    params: Pre-trained parameters; not modified.
    train_batch: Step in [0, steps) -> images [b, ...] and integer labels [b];
      negative: no label. All batches are of equal shape.
    loss: Embeddings and labels -> SuNCEt. Under a mesh it must see the rows of
      all devices.
    optimizer: From gradients to updates.
    steps: Number of batches to train on.
    prepare: Images [b, ...], key -> v views of each, [b v, ...], those of an
      image in a row. The key is a function of (seed, step).
    seed: Seed of the keys, below 2**31.

  Returns:
    The fine-tuned parameters.

  Raises:
    ValueError: If `steps` is not above zero.
    FloatingPointError: If the last loss is not finite.
  """
  _checks.check_positive(steps=steps)

  @jax.jit
  def update(
    params: Any,
    opt_state: optax.OptState,
    images: jax.Array,
    labels: jax.Array,
    key: jax.Array,
  ) -> tuple[Any, optax.OptState, jax.Array]:
    views = images if prepare is None else prepare(images, key)
    labels = labels.repeat(views.shape[0] // images.shape[0])
    value, gradient = jax.value_and_grad(
      lambda trained: loss(embed(trained, views), labels)
    )(params)
    updates, opt_state = optimizer.update(gradient, opt_state, params)
    return optax.apply_updates(params, updates), opt_state, value

  opt_state, values = optimizer.init(params), []
  for step in range(steps):
    key = jax.random.fold_in(jax.random.key(seed), step)
    batch = train_batch(step)
    params, opt_state, value = update(params, opt_state, *batch, key)
    values.append(value)
  found = np.asarray(jax.device_get(values), np.float32)
  if not np.isfinite(found[-1]):
    raise FloatingPointError(
      "Fine-tuning for soft nearest neighbours diverged: the last loss is "
      f"{found[-1]}, expected a finite number. Lower "
      "--config.evals.soft_nn_finetune.learning_rate."
    )
  return SoftNNFineTuned(params, found)
