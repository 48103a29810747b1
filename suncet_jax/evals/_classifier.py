"""The linear classifier of the linear probe and of fine-tuning."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax


class Classifier(NamedTuple):
  """A linear classifier.

  Attributes:
    kernel: Kernel [f, c], float32.
    bias: Bias [c], float32.
  """

  kernel: jax.Array
  bias: jax.Array


def zero_classifier(feature_size: int, class_count: int) -> Classifier:
  """Returns the classifier [f, c] that gives every class the logit 0."""
  return Classifier(
    kernel=jnp.zeros((feature_size, class_count), jnp.float32),
    bias=jnp.zeros((class_count,), jnp.float32),
  )


def logits(classifier: Classifier, features: jax.Array) -> jax.Array:
  """Returns the logits [n, c] of features [n, f], in float32."""
  kernel, bias = classifier
  features = features.astype(jnp.float32)
  product = jnp.dot(features, kernel, precision=jax.lax.Precision.HIGHEST)
  return product + bias


def cross_entropy(scores: jax.Array, labels: jax.Array) -> jax.Array:
  """Returns the mean cross-entropy in nats of logits [n, c], labels [n]."""
  return optax.softmax_cross_entropy_with_integer_labels(scores, labels).mean()


def sgd(
  peak: float,
  steps: int,
  *,
  momentum: float,
  weight_decay: float = 0.0,
  decayed: Callable[[Any], Any] | None = None,
) -> optax.GradientTransformation:
  """Returns SGD with Nesterov momentum and a cosine schedule down to 0.

  Args:
    peak: Learning rate of the first step; there is no warm-up.
    steps: Number of steps after which the rate is 0.
    momentum: Momentum of the gradients, in [0, 1).
    weight_decay: Factor of the parameters that is added to their gradients.
    decayed: Function from parameters to a tree of booleans, whether they decay;
      None: all do, including biases.

  Returns:
    The optimizer.
  """
  schedule = optax.cosine_decay_schedule(peak, steps)
  return optax.chain(
    optax.add_decayed_weights(weight_decay, decayed),
    optax.sgd(schedule, momentum, nesterov=True),
  )


def is_kernel(path: tuple[Any, ...]) -> bool:
  """Returns whether a parameter is a kernel, by the end of its path.

  Args:
    path: Path of the parameter in a tree of dicts and tuples with names.
  """
  last = path[-1] if path else None
  return "kernel" in (getattr(last, "key", ""), getattr(last, "name", ""))


def finetuning(
  name: str, peak: float, steps: int, *, momentum: float, weight_decay: float
) -> optax.GradientTransformation:
  """Returns the optimizer of fine-tuning, with a cosine schedule down to 0.

  Args:
    name: "sgd", with Nesterov momentum, or "adamw".
    peak: Learning rate of the first step; there is no warm-up.
    steps: Number of steps after which the rate is 0.
    momentum: Momentum of the gradients, in [0, 1); beta 1 of AdamW.
    weight_decay: Factor of the decay of kernels; biases and norms have none.
  """

  def kernels(params: Any) -> Any:
    return jax.tree.map_with_path(lambda path, _: is_kernel(path), params)

  if name == "adamw":
    schedule = optax.cosine_decay_schedule(peak, steps)
    return optax.adamw(
      schedule, momentum, weight_decay=weight_decay, mask=kernels
    )
  return sgd(
    peak,
    steps,
    momentum=momentum,
    weight_decay=weight_decay,
    decayed=kernels,
  )
