"""Terms of UGAN's game: functions of logits, scores and features alone.

K classes; p is the softmax of logits, D the logit of a critic, and an image is
real with the probability sigmoid(logsumexp of its logits).
"""

import jax
import jax.numpy as jnp

_SMALL = 1e-12


def critic(
  real: jax.Array, generated: jax.Array, predicted: jax.Array
) -> jax.Array:
  r"""Returns what a critic of images with classes minimises.

  .. math::
    \mathrm{mean}\, \zeta(-D_{real}) + \tfrac12 \mathrm{mean}\,
    \zeta(D_{generated}) + \tfrac12 \mathrm{mean}\, \zeta(D_{predicted}),
    \quad \zeta(x) = \log(1 + e^x)

  Args:
    real: Logits of images with classes that count as true [n].
    generated: Logits of a generator's images with the classes asked for [m].
    predicted: Logits of images with the classes that a classifier predicts [k].
  """
  return (
    jax.nn.softplus(-real).mean()
    + 0.5 * jax.nn.softplus(generated).mean()
    + 0.5 * jax.nn.softplus(predicted).mean()
  )


def generator(generated: jax.Array) -> jax.Array:
  """Returns what a generator minimises: half the mean of softplus(-D).

  Args:
    generated: Logits of its images by a critic [m].
  """
  return 0.5 * jax.nn.softplus(-generated).mean()


def deceived(logits: jax.Array, predicted: jax.Array) -> jax.Array:
  """Returns half the mean of max p times softplus(-D): a classifier's share.

  The predicted class has no gradient; its probability does.

  Args:
    logits: Logits of images [n, c].
    predicted: Logits of a critic of the same images with the class that has the
      largest probability [n].
  """
  confidence = jax.nn.softmax(logits).max(axis=-1)
  return 0.5 * (confidence * jax.nn.softplus(-predicted)).mean()


def entropy(logits: jax.Array) -> jax.Array:
  """Returns the mean entropy of predictions, in nats.

  Args:
    logits: Logits [n, c].
  """
  logs = jax.nn.log_softmax(logits)
  return -(jnp.exp(logs) * logs).sum(axis=-1).mean()


def balance(logits: jax.Array) -> jax.Array:
  """Returns the cross-entropy of equal classes and the mean prediction.

  Args:
    logits: Logits [n, c].
  """
  return -jnp.log(jax.nn.softmax(logits).mean(axis=0) + _SMALL).mean()


def real(logits: jax.Array) -> jax.Array:
  """Returns half the mean of -log P(real).

  Args:
    logits: Logits of real images [n, c].
  """
  return 0.5 * jax.nn.softplus(-jax.nn.logsumexp(logits, axis=-1)).mean()


def fake(logits: jax.Array) -> jax.Array:
  """Returns half the mean of -log(1 - P(real)).

  Args:
    logits: Logits of images that a bad generator draws [n, c].
  """
  return 0.5 * jax.nn.softplus(jax.nn.logsumexp(logits, axis=-1)).mean()


def feature_matching(drawn: jax.Array, seen: jax.Array) -> jax.Array:
  """Returns the mean distance of mean features.

  Salimans et al. 2016 (arXiv 1606.03498), with absolute differences.

  Args:
    drawn: Features of a generator's images [n, f].
    seen: Features of real images [m, f].
  """
  return jnp.abs(drawn.mean(axis=0) - seen.mean(axis=0)).mean()


def pull_away(features: jax.Array) -> jax.Array:
  """Returns the mean squared cosine of different rows.

  Zhao et al. 2016 (arXiv 1609.03126), equation 7; a row of zeros counts 0.

  Args:
    features: Features of a generator's images [n, f], n above 1.
  """
  squares = jnp.square(features).sum(axis=-1, keepdims=True)
  rows = features * jax.lax.rsqrt(jnp.where(squares > 0, squares, 1))
  cosines = jnp.square(rows @ rows.T)
  count = len(rows)
  return (cosines.sum() - jnp.trace(cosines)) / (count * (count - 1))
