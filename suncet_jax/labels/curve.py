"""Learning curve: accuracy on frozen features against the number of labels."""

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from suncet_jax.errors import UserError
from suncet_jax.evals.knn import knn_scores
from suncet_jax.evals.soft_nn import soft_nn_scores

_NEIGHBOURS = 10
_ITERATIONS = 1000


class Features(NamedTuple):
  """Labelled features.

  Attributes:
    values: Features, float32 [n, d].
    labels: Labels, integer [n] in [0, c).
  """

  values: np.ndarray
  labels: np.ndarray


class Curve(NamedTuple):
  """A measured learning curve.

  Attributes:
    counts: Labels per class, rising.
    accuracies: Accuracies in [0, 1] of each draw, [draws, len(counts)].
  """

  counts: tuple[int, ...]
  accuracies: np.ndarray


def counts_up_to(most: int) -> tuple[int, ...]:
  """Returns numbers of labels per class that double, and the last.

  Args:
    most: Labels of the smallest class.
  """
  doubled = [1 << power for power in range(most.bit_length())]
  # The last step may be small: it is where more labels begin.
  return tuple(dict.fromkeys([*doubled, most]))


def measure(
  train: Features,
  test: Features,
  *,
  class_count: int,
  counts: Sequence[int],
  draws: int,
  by: str,
  seed: int,
) -> Iterator[np.ndarray]:
  """Measures subsets of the labels.

  A draw's smaller subsets are parts of its larger ones.

  Args:
    train: Features whose labels may be used.
    test: Features to classify.
    class_count: Number of classes, c.
    counts: Labels per class.
    draws: Number of draws of each.
    by: Name of the classifier, one of `CLASSIFIERS`.
    seed: Seed of the draws.

  Yields:
    Accuracies of a draw, [len(counts)].

  Raises:
    UserError: If a class has fewer labels than are asked for.
  """
  sizes = np.bincount(train.labels, minlength=class_count)
  if max(counts) > sizes.min():
    raise UserError(
      f"--counts has {max(counts)} labels per class, but the smallest class "
      f"has {sizes.min()}. Expected at most that."
    )
  classify = CLASSIFIERS[by]
  for draw in range(draws):
    rng = np.random.default_rng([seed, draw])
    orders = [
      rng.permutation(np.flatnonzero(train.labels == c))
      for c in range(class_count)
    ]
    found = []
    for count in counts:
      rows = np.concatenate([order[:count] for order in orders])
      chosen = Features(train.values[rows], train.labels[rows])
      predicted = classify(chosen, test.values, class_count)
      found.append((predicted == test.labels).mean())
    yield np.array(found)


def accuracy(
  train: Features, test: Features, *, class_count: int, by: str
) -> float:
  """Returns the accuracy in [0, 1] with all labels of `train`.

  Args:
    train: Features whose labels are used; a class may have none.
    test: Features to classify.
    class_count: Number of classes, c.
    by: Name of the classifier, one of `CLASSIFIERS`.
  """
  predicted = CLASSIFIERS[by](train, test.values, class_count)
  return float((predicted == test.labels).mean())


def _logistic(
  train: Features, queries: np.ndarray, class_count: int
) -> np.ndarray:
  del class_count
  # Imported here: it takes a second.
  from sklearn.exceptions import ConvergenceWarning
  from sklearn.linear_model import LogisticRegression
  from sklearn.pipeline import make_pipeline
  from sklearn.preprocessing import StandardScaler

  if len(np.unique(train.labels)) == 1:  # which the library refuses
    return np.full(len(queries), train.labels[0])
  model = make_pipeline(
    StandardScaler(), LogisticRegression(max_iter=_ITERATIONS)
  )
  with warnings.catch_warnings():
    # As good as converged after so many iterations.
    warnings.simplefilter("ignore", ConvergenceWarning)
    model.fit(train.values, train.labels)
  return model.predict(queries)


def _knn(train: Features, queries: np.ndarray, class_count: int) -> np.ndarray:
  scores = knn_scores(queries, *train, class_count=class_count, k=_NEIGHBOURS)
  return np.asarray(scores).argmax(axis=1)


def _soft_nn(
  train: Features, queries: np.ndarray, class_count: int
) -> np.ndarray:
  scores = soft_nn_scores(queries, *train, class_count=class_count)
  return np.asarray(scores).argmax(axis=1)


Classify = Callable[[Features, np.ndarray, int], np.ndarray]

# By name: functions of labelled features, queries and the number of classes
# that return a class for each query.
CLASSIFIERS: Mapping[str, Classify] = {
  "logistic": _logistic,
  "knn": _knn,
  "soft_nn": _soft_nn,
}
