"""PAWS: views agree on soft nearest neighbours among labelled images."""

import functools
import numbers
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from suncet_jax.calls import explained
from suncet_jax.losses import _checks, _options
from suncet_jax.losses._logits import check_columns, cross_entropies
from suncet_jax.losses._partition import maps_explicit_rows
from suncet_jax.losses._reduce import mean_of_rows, mean_over_anchors
from suncet_jax.losses._similarity import AxisName
from suncet_jax.losses._soft_neighbours import (
  all_classes,
  all_supports,
  log_predictions,
)

# Smaller probabilities of a target are taken as 0, as in the published code.
_LEAST_TARGET = 1e-4


class PawsTerms(NamedTuple):
  """Terms of the PAWS loss, which is their sum.

  Attributes:
    consistency: Mean cross-entropy of the views' predictions, a scalar >= 0.
    negative_entropy: Negative entropy of the mean sharpened prediction, in
      [-log c, 0] for c classes: 0 where all images are of one class.
  """

  consistency: jax.Array
  negative_entropy: jax.Array


@explained("losses")
def paws(
  views: Sequence[ArrayLike],
  supports: ArrayLike,
  labels: ArrayLike,
  targets: Sequence[ArrayLike] | None = None,
  target_supports: ArrayLike | None = None,
  *,
  class_count: int,
  temperature: ArrayLike = 0.1,
  sharpening: ArrayLike = 0.25,
  label_smoothing: ArrayLike = 0.1,
  axis_name: AxisName | None = None,
) -> jax.Array:
  r"""Returns the PAWS loss, the sum of the terms of `paws_terms`.

  A constant prediction has the value 0, images that are told apart with
  certainty into c equal classes have the least one, :math:`-\log c`.

  Args:
    views: As of `paws_terms`, like all others.
    supports: Embeddings of labelled images [s, d].
    labels: Labels [s].
    targets: Embeddings that predict targets.
    target_supports: Embeddings of the labelled images that predict targets.
    class_count: Number of classes.
    temperature: Temperature of similarities.
    sharpening: Temperature of targets.
    label_smoothing: Share of a label that is spread over all classes.
    axis_name: Name or names of the mapped axis; None outside of one.

  Returns:
    Scalar in nats, the same on all devices.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> rows, labels = jnp.eye(2), jnp.array([0, 1])
    >>> loss = losses.paws([rows, rows], rows, labels, class_count=2)
    >>> round(float(loss), 3)  # its floor is -log(2)
    -0.642
  """
  terms = paws_terms(
    views,
    supports,
    labels,
    targets,
    target_supports,
    class_count=class_count,
    temperature=temperature,
    sharpening=sharpening,
    label_smoothing=label_smoothing,
    axis_name=axis_name,
  )
  return terms.consistency + terms.negative_entropy


@explained("losses")
def paws_terms(
  views: Sequence[ArrayLike],
  supports: ArrayLike,
  labels: ArrayLike,
  targets: Sequence[ArrayLike] | None = None,
  target_supports: ArrayLike | None = None,
  *,
  class_count: int,
  temperature: ArrayLike = 0.1,
  sharpening: ArrayLike = 0.25,
  label_smoothing: ArrayLike = 0.1,
  axis_name: AxisName | None = None,
) -> PawsTerms:
  r"""Returns the two terms of the PAWS loss.

  The prediction of an embedding z is a soft nearest neighbour of the supports,

  .. math::
    \pi(z) = \sum_j \frac{\exp(\cos(z, s_j) / \tau)}
    {\sum_k \exp(\cos(z, s_k) / \tau)} \, y_j
    \qquad
    \rho(\pi) \propto \pi^{1/T}

  with smoothed labels y over the classes that have a support. The target of
  view 0 is :math:`\rho(\pi)` of view 1 and the other way round, that of all
  further (small) views the mean of the two; targets are constants, and parts of
  them below 1e-4 are 0. The terms are the mean cross-entropy of targets and
  predictions over all views, and the negative entropy of the mean
  :math:`\rho(\pi)` of all views of all devices ("me-max"). The matrix of
  similarities is made for a block of rows at a time where it would pass 16 MB.

  Args:
    views: Floating embeddings [n, d] of each of at least 2 views of the same
      images, the first two of them large; rows need no normalisation.
    supports: Floating embeddings [s, d] of labelled images.
    labels: Integer labels [s]; a support whose label is not in
      [0, class_count) does not count.
    targets: Embeddings [n, e] of the two large views that predict the targets,
      such as projections where `views` are predictions; None: `views`.
    target_supports: Embeddings [s, e] of the supports for `targets`; None:
      `supports`.
    class_count: Number of classes k.
    temperature: Temperature :math:`\tau > 0`.
    sharpening: Temperature T > 0 of targets.
    label_smoothing: Share of a label that is spread over all classes, in
      [0, 1].
    axis_name: Name or names of the mapped axis, whose devices' supports all
      count; None outside of one.

  Returns:
    Terms in nats, the same on all devices: float32, or float64 for float64
    embeddings. Without any support they are 0.

  Raises:
    TypeError: Embeddings are not floating or labels not integer.
    ValueError: Shapes do not fit, or an option is out of its range.

  References:
    Assran et al., `Semi-Supervised Learning of Visual Features by
    Non-Parametrically Predicting View Assignments with Support Samples
    <https://arxiv.org/abs/2104.13963>`_, 2021: equations 1 to 3; the least
    target is the published code's.
  """
  if len(views) < 2 or (targets is not None and len(targets) != 2):
    raise ValueError(
      "losses.paws: views must be at least 2, and targets, if any, 2; got "
      f"{len(views)} and {0 if targets is None else len(targets)}."
    )
  _options.check_static("paws", class_count=class_count)
  if not isinstance(class_count, numbers.Integral) or class_count < 1:
    raise ValueError(
      f"losses.paws: class_count must be an integer >= 1, got {class_count}."
    )
  _options.check_range("paws", 0, 1, label_smoothing=label_smoothing)
  _options.check_axis("paws", axis_name)
  rows = _of_one_shape("views", views)
  large = rows[:2] if targets is None else _of_one_shape("targets", targets)
  held = target_held = _checks.checked_embeddings("paws", "supports", supports)
  if target_supports is not None:
    target_held = _checks.checked_embeddings(
      "paws", "target_supports", target_supports
    )
  if len(large[0]) != len(rows[0]) or len(target_held) != len(held):
    raise ValueError(
      "losses.paws: targets must have as many rows as views, and "
      "target_supports as supports."
    )
  check_columns("paws", views=rows[0], supports=held)
  check_columns("paws", targets=large[0], target_supports=target_held)
  return _terms(
    rows,
    held,
    _checks.checked_numbers("paws", labels, len(held)),
    large,
    target_held,
    class_count=class_count,
    temperature=_options.checked_temperature("paws", temperature),
    sharpening=_options.checked_temperature("paws", sharpening),
    label_smoothing=label_smoothing,
    axis_name=axis_name,
  )


@functools.partial(jax.jit, static_argnames=("class_count", "axis_name"))
@maps_explicit_rows
def _terms(
  views: list[jax.Array],
  supports: jax.Array,
  labels: jax.Array,
  targets: list[jax.Array],
  target_supports: jax.Array,
  *,
  class_count: int,
  temperature: ArrayLike,
  sharpening: ArrayLike,
  label_smoothing: ArrayLike,
  axis_name: AxisName | None,
) -> PawsTerms:
  classes = all_classes(labels, class_count, axis_name)

  def predict(rows: jax.Array, held: jax.Array) -> jax.Array:
    return log_predictions(rows, held, classes, temperature, label_smoothing)

  held = all_supports(supports, labels, class_count, axis_name)
  target_held = all_supports(target_supports, labels, class_count, axis_name)
  wanted = _targets(
    [predict(rows, target_held) / sharpening for rows in targets], len(views)
  )
  logs = predict(jnp.concatenate(views), held)
  values = cross_entropies(wanted, logs)
  mean = mean_of_rows(jax.nn.softmax(logs / sharpening), axis_name)
  count = jnp.sum(classes.is_present)
  if axis_name is not None:
    # Gathered labels are the same on all devices, which JAX does not know.
    count = jax.lax.pmax(count, axis_name)
  has_support = count > 0
  # The logarithm of 0 has no gradient.
  entropy = jnp.sum(mean * jnp.log(jnp.where(mean > 0, mean, 1)))
  return PawsTerms(
    mean_over_anchors(
      values, jnp.broadcast_to(has_support, values.shape), axis_name
    ),
    jnp.where(has_support, entropy, 0),
  )


def _of_one_shape(name: str, views: Sequence[ArrayLike]) -> list[jax.Array]:
  """Returns all views as arrays."""
  rows = [
    _checks.checked_embeddings("paws", f"{name}[{index}]", view)
    for index, view in enumerate(views)
  ]
  shapes = sorted({each.shape for each in rows})
  if len(shapes) > 1:
    raise ValueError(f"losses.paws: {name} must have one shape, got {shapes}.")
  return rows


def _targets(large: list[jax.Array], count: int) -> jax.Array:
  """Returns the targets of all views, by the sharpened logs of the large."""
  first, second = (jax.nn.softmax(logs) for logs in large)
  small = [(second + first) / 2] * (count - 2)
  wanted = jax.lax.stop_gradient(jnp.concatenate([second, first, *small]))
  return jnp.where(wanted < _LEAST_TARGET, 0, wanted)
