"""Linear probe: a linear classifier on frozen features."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.typing import ArrayLike

from suncet_jax.evals import _checks, _classifier


class LinearProbe(NamedTuple):
  """A linear classifier of standardised features.

  Attributes:
    kernel: Kernel [f, c], float32.
    bias: Bias [c], float32.
    mean: Mean [f] of the training features, float32.
    scale: Standard deviation [f] of the training features, float32; 1 for
      constant features.
    losses: Losses [epochs, steps per epoch], float32: cross-entropy in nats of
      each training batch before its update.
  """

  kernel: jax.Array
  bias: jax.Array
  mean: jax.Array
  scale: jax.Array
  losses: jax.Array

  def scores(self, features: ArrayLike) -> jax.Array:
    """Returns the logits [n, c] of features [n, f], in float32."""
    x = (jnp.asarray(features, jnp.float32) - self.mean) / self.scale
    return _classifier.logits(_classifier.Classifier(self.kernel, self.bias), x)

  def on_features(self) -> tuple[jax.Array, jax.Array]:
    """Returns kernel [f, c] and bias [c] for features as they are."""
    kernel = self.kernel / self.scale[:, None]
    shift = jnp.dot(self.mean, kernel, precision=jax.lax.Precision.HIGHEST)
    return kernel, self.bias - shift


def linear_probe(
  features: ArrayLike,
  labels: ArrayLike,
  *,
  class_count: int,
  epochs: int,
  batch_size: int,
  learning_rate: float,
  momentum: float = 0.9,
  weight_decay: float = 0.0,
  seed: int,
) -> LinearProbe:
  """Trains a linear classifier on features that stay on the device.

  The protocol of SimCLR (Chen et al. 2020, arXiv 2002.05709, appendix B.6) on
  cached features: zero-initialised, SGD with Nesterov momentum, learning rate
  proportional to the batch and falling as a cosine to 0 without warm-up.
  Features are standardised first, so one learning rate suits all encoders.

  Args:
    features: Real features [m, f], which must fit into the device's memory.
    labels: Integer labels [m] in [0, c).
    class_count: Number of classes, c.
    epochs: Number of passes over the features.
    batch_size: Number of features in one step, at most m. The last, incomplete
      batch of an epoch is dropped, and each epoch has another order.
    learning_rate: Learning rate for a batch of 256; it is multiplied by
      batch_size / 256.
    momentum: Momentum, in [0, 1).
    weight_decay: Factor of the L2 penalty on kernel and bias.
    seed: Seed of the order; the same arguments give the same bits.

  Returns:
    The trained probe.

  Raises:
    TypeError: If the labels are not integers.
    ValueError: If shapes do not match, a label is outside [0, c), or a count or
      the learning rate is not above zero.
    FloatingPointError: If the training did not end with finite numbers.
  """
  _checks.check_positive(
    epochs=epochs, batch_size=batch_size, learning_rate=learning_rate
  )
  x = jnp.asarray(features, jnp.float32)
  _checks.check_matrix("features", x)
  y = _checks.checked_labels("labels", labels, x.shape[0], class_count)
  batch_size = min(batch_size, x.shape[0])
  settings = _Settings(
    class_count=class_count,
    epochs=epochs,
    batch_size=batch_size,
    peak=learning_rate * batch_size / 256,
    momentum=momentum,
    weight_decay=weight_decay,
  )
  probe = _train(x, jnp.asarray(y), jax.random.key(seed), settings)
  if not (np.isfinite(probe.kernel).all() and np.isfinite(probe.bias).all()):
    raise FloatingPointError(
      f"The linear probe diverged at learning rate {learning_rate} (for a "
      "batch of 256), or its features were not finite, expected finite ones. "
      "Lower --config.evals.linear.learning_rate."
    )
  return probe


class _Settings(NamedTuple):
  """Static arguments of the compiled training; hashable, to compile once."""

  class_count: int
  epochs: int
  batch_size: int
  peak: float
  momentum: float
  weight_decay: float


@functools.partial(jax.jit, static_argnames="settings")
def _train(
  features: jax.Array, labels: jax.Array, key: jax.Array, settings: _Settings
) -> LinearProbe:
  """Standardises the features and runs all steps."""
  count, feature_size = features.shape
  steps_per_epoch = count // settings.batch_size
  optimizer = _classifier.sgd(
    settings.peak,
    settings.epochs * steps_per_epoch,
    momentum=settings.momentum,
    weight_decay=settings.weight_decay,
  )
  mean, scale = _moments(features)
  standardised = (features - mean) / scale

  def step(state: _State, index: jax.Array) -> tuple[_State, jax.Array]:
    return _update(state, standardised[index], labels[index], optimizer)

  def run_epoch(state: _State, epoch: jax.Array) -> tuple[_State, jax.Array]:
    order = jax.random.permutation(jax.random.fold_in(key, epoch), count)
    used = order[: steps_per_epoch * settings.batch_size]
    return jax.lax.scan(step, state, used.reshape(steps_per_epoch, -1))

  initial = _classifier.zero_classifier(feature_size, settings.class_count)
  state = _State(initial, optimizer.init(initial))
  state, losses = jax.lax.scan(run_epoch, state, jnp.arange(settings.epochs))
  return LinearProbe(*state.classifier, mean=mean, scale=scale, losses=losses)


class _State(NamedTuple):
  """State that one step passes to the next."""

  classifier: _classifier.Classifier
  opt_state: optax.OptState


def _update(
  state: _State,
  features: jax.Array,
  labels: jax.Array,
  optimizer: optax.GradientTransformation,
) -> tuple[_State, jax.Array]:
  """Takes one step on features [b, f]; returns the loss before it."""

  def loss_of(classifier: _classifier.Classifier) -> jax.Array:
    scores = _classifier.logits(classifier, features)
    return _classifier.cross_entropy(scores, labels)

  loss, grads = jax.value_and_grad(loss_of)(state.classifier)
  updates, opt_state = optimizer.update(
    grads, state.opt_state, state.classifier
  )
  classifier = optax.apply_updates(state.classifier, updates)
  return _State(classifier, opt_state), loss


def _moments(features: jax.Array) -> tuple[jax.Array, jax.Array]:
  """Returns mean and scale [f] of features [m, f]."""
  mean = features.mean(axis=0)
  deviation = features.std(axis=0)
  # The mean of equal float32 numbers may have a rounding error, which must not
  # be scaled up to a feature of size 1.
  is_constant = deviation <= 1e-5 * jnp.abs(mean)
  return mean, jnp.where(is_constant, 1.0, deviation)
