"""Choice of the images that are labelled next, from their features."""

import warnings
from collections.abc import Callable, Mapping

import numpy as np

_NEIGHBOURS = 20
_MOST_CLUSTERS = 500
_ROWS = 1024  # whose distances are held at a time


def typical(
  features: np.ndarray, is_labelled: np.ndarray, count: int, seed: int
) -> np.ndarray:
  """Chooses typical images of different kinds.

  TypiClust (Hacohen et al. 2022, arXiv 2202.02794, section 3): k-means with a
  cluster for every label that there will be, up to 500; then, from the clusters
  with the fewest labels and of those the largest first, the image whose 20
  nearest neighbours in the cluster are the closest.

  Args:
    features: Features [n, d], finite.
    is_labelled: Mask [n] of the images that have a label.
    count: Number of images to choose, at most those without a label.
    seed: Seed of the clusters.

  Returns:
    Numbers of the images, int64 [count], the first choice first.
  """
  unit = _unit(features)
  clusters = _clusters(unit, int(is_labelled.sum()) + count, seed)
  sizes = np.bincount(clusters)
  labels_in = np.bincount(clusters[is_labelled], minlength=len(sizes))
  queues = [
    _by_typicality(unit, np.flatnonzero(clusters == c), is_labelled)
    for c in range(len(sizes))
  ]
  chosen: list[int] = []
  while len(chosen) < count:
    left = [c for c, queue in enumerate(queues) if queue]
    best = min(left, key=lambda c: (labels_in[c], -sizes[c]))
    chosen.append(queues[best].pop(0))
    labels_in[best] += 1
  return np.array(chosen, np.int64)


def spread(
  features: np.ndarray, is_labelled: np.ndarray, count: int, seed: int
) -> np.ndarray:
  """Chooses images as far as possible from all that are labelled.

  Greedy k-center (Sener and Savarese 2018, arXiv 1708.00489, algorithm 1). With
  no label yet the first is the image nearest to the mean of all.

  Args:
    features: Features [n, d], finite.
    is_labelled: Mask [n] of the images that have a label.
    count: Number of images to choose, at most those without a label.
    seed: Not used: nothing is random.

  Returns:
    Numbers of the images, int64 [count], the first choice first.
  """
  del seed
  unit = _unit(features)
  distance = np.full(len(unit), np.inf)
  for number in np.flatnonzero(is_labelled):
    distance = np.minimum(distance, _squared(unit, unit[number]))
  distance[is_labelled] = -1.0
  chosen: list[int] = []
  for _ in range(count):
    if not chosen and not is_labelled.any():
      number = _squared(unit, unit.mean(axis=0)).argmin()
    else:
      number = distance.argmax()
    chosen.append(int(number))
    distance = np.minimum(distance, _squared(unit, unit[number]))
    distance[number] = -1.0
  return np.array(chosen, np.int64)


def at_random(
  features: np.ndarray, is_labelled: np.ndarray, count: int, seed: int
) -> np.ndarray:
  """Chooses images at random, as those of a test set must be.

  Args:
    features: Features [n, d], of which only the number is used.
    is_labelled: Mask [n] of the images that have a label.
    count: Number of images to choose, at most those without a label.
    seed: Seed of the choice.

  Returns:
    Numbers of the images, int64 [count].
  """
  left = np.flatnonzero(~is_labelled[: len(features)])
  return np.random.default_rng(seed).choice(left, count, replace=False)


def uncertain(
  probabilities: np.ndarray, is_labelled: np.ndarray, count: int
) -> np.ndarray:
  """Chooses images that a classifier can hardly decide on, of all classes.

  The margin between the two likeliest classes (Scheffer et al. 2001), in turn
  from each class that the classifier takes images for, so that one difficult
  class does not get all labels.

  Args:
    probabilities: Probabilities [n, c], finite, c above 1.
    is_labelled: Mask [n] of the images that have a label.
    count: Number of images to choose, at most those without a label.

  Returns:
    Numbers of the images, int64 [count], the first choice first.
  """
  second, first = np.sort(probabilities, axis=1)[:, -2:].T
  order = np.argsort(first - second, kind="stable")
  order = order[~is_labelled[order]]
  predicted = probabilities.argmax(axis=1)[order]
  # The place of each image among those of its class decides, then the margin.
  turn = np.zeros(len(order), int)
  for c in np.unique(predicted):
    turn[predicted == c] = np.arange((predicted == c).sum())
  return order[np.argsort(turn, kind="stable")][:count]


Select = Callable[[np.ndarray, np.ndarray, int, int], np.ndarray]

# By name: functions of features, the mask of labelled images, the number of
# images to choose and a seed.
SELECTIONS: Mapping[str, Select] = {
  "typical": typical,
  "spread": spread,
  "random": at_random,
}


def _unit(features: np.ndarray) -> np.ndarray:
  norms = np.linalg.norm(features, axis=1, keepdims=True)
  return features / np.maximum(norms, np.finfo(np.float32).tiny)


def _squared(points: np.ndarray, point: np.ndarray) -> np.ndarray:
  return ((points - point) ** 2).sum(axis=1)


def _clusters(unit: np.ndarray, count: int, seed: int) -> np.ndarray:
  """Returns the cluster of each point, numbered without gaps."""
  # Imported here: it takes a second.
  from sklearn.cluster import KMeans, MiniBatchKMeans
  from sklearn.exceptions import ConvergenceWarning

  count = min(count, _MOST_CLUSTERS, len(unit))
  # As in the paper: of more than 50 clusters the centres move by batches.
  method = KMeans if count <= 50 else MiniBatchKMeans
  found = method(count, n_init=1 if count > 50 else 10, random_state=seed)
  with warnings.catch_warnings():
    # Copies make fewer clusters than asked for, which does no harm.
    warnings.simplefilter("ignore", ConvergenceWarning)
    return np.unique(found.fit_predict(unit), return_inverse=True)[1]


def _by_typicality(
  unit: np.ndarray, members: np.ndarray, is_labelled: np.ndarray
) -> list[int]:
  """Returns the unlabelled members of a cluster, the most typical first."""
  points = unit[members]
  near = min(_NEIGHBOURS, len(members) - 1)
  if not near:
    distance = np.zeros(len(members))
  else:
    distance = np.concatenate(
      [
        _mean_distance(points[i : i + _ROWS], points, near)
        for i in range(0, len(points), _ROWS)
      ]
    )
  order = members[np.argsort(distance, kind="stable")]
  return [int(number) for number in order[~is_labelled[order]]]


def _mean_distance(
  rows: np.ndarray, points: np.ndarray, near: int
) -> np.ndarray:
  """Returns the mean distance of each row to its nearest other points."""
  squared = np.maximum(0.0, 2.0 - 2.0 * rows @ points.T)
  nearest = np.partition(squared, near, axis=1)[:, : near + 1]
  return np.sqrt(nearest).sum(axis=1) / near  # its own distance is 0
