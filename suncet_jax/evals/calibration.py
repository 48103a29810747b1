"""Calibration: how far probabilities are from frequencies, and a mend."""

from typing import NamedTuple

import numpy as np
from jax.typing import ArrayLike

from suncet_jax.evals import _checks

_BINS = 15
# Probabilities beyond these would say nothing more than those at the ends.
_COLDEST, _HOTTEST = 0.05, 20.0


class Calibration(NamedTuple):
  """How well probabilities are calibrated.

  Attributes:
    ece: Expected calibration error, in [0, 1].
    nll: Mean negative log-likelihood of the labels, in nats.
  """

  ece: float
  nll: float


def calibration(
  scores: ArrayLike, labels: ArrayLike, temperature: float = 1.0
) -> Calibration:
  """Measures the probabilities that logits give at a temperature.

  The expected calibration error is that of Guo et al. 2017 (arXiv 1706.04599):
  the mean over images of the gap between confidence and accuracy in each of 15
  bins of equal width.

  Args:
    scores: Logits [n, c].
    labels: Integer labels [n] in [0, c).
    temperature: Number that the logits are divided by.

  Raises:
    TypeError: If the labels are not integers.
    ValueError: If shapes do not match, or a label is outside [0, c).
  """
  logits, labels = _checked(scores, labels)
  from scipy.special import log_softmax  # see `fit_temperature`

  log_p = log_softmax(logits / temperature, axis=1)
  confidence = np.exp(log_p.max(axis=1))
  is_right = log_p.argmax(axis=1) == labels
  # A bin is open on the left: (0, 1/15], ..., (14/15, 1].
  bins = np.clip(np.ceil(confidence * _BINS).astype(int) - 1, 0, _BINS - 1)
  gaps = np.bincount(bins, weights=confidence - is_right, minlength=_BINS)
  return Calibration(
    ece=float(np.abs(gaps).sum() / len(labels)),
    nll=float(-log_p[np.arange(len(labels)), labels].mean()),
  )


def fit_temperature(scores: ArrayLike, labels: ArrayLike) -> float:
  """Returns the temperature of the likeliest labels.

  The negative log-likelihood is convex in 1 / temperature, so it has one
  minimum. Where no image is classified wrong there is none but 0, which would
  make every probability 1: then the temperature is 1.

  Args:
    scores: Logits [n, c] of images that were not trained on.
    labels: Integer labels [n] in [0, c).

  Returns:
    The temperature, from 0.05 to 20.

  Raises:
    TypeError: If the labels are not integers.
    ValueError: If shapes do not match, or a label is outside [0, c).
  """
  logits, labels = _checked(scores, labels)
  if not (logits.argmax(axis=1) != labels).any():
    return 1.0
  # Imported here: SciPy takes as long to import as JAX, and every run would
  # wait for it.
  from scipy.optimize import minimize_scalar

  found = minimize_scalar(
    lambda log: calibration(logits, labels, float(np.exp(log))).nll,
    bounds=np.log((_COLDEST, _HOTTEST)),
    method="bounded",
    options={"xatol": 1e-6},
  )
  return float(np.exp(found.x))


def _checked(
  scores: ArrayLike, labels: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
  """Returns logits in float64 and labels, after checking them."""
  logits = np.asarray(scores, np.float64)
  _checks.check_matrix("scores", logits)
  return logits, _checks.checked_labels("labels", labels, *logits.shape)
