"""The losses as float64 loops, straight from their equations."""

import numpy as np


def _normalize(rows: np.ndarray) -> np.ndarray:
  rows = np.asarray(rows, np.float64)
  return np.stack([row / max(np.linalg.norm(row), 1e-12) for row in rows])


def _terms_per_anchor(embeddings, labels, temperature):
  """Yields exp(s / tau) of the positives and of all keys of each anchor."""
  rows = _normalize(embeddings)
  for i in range(len(rows)):
    others = [j for j in range(len(rows)) if j != i and labels[j] >= 0]
    positives = [j for j in others if labels[j] == labels[i]]
    if labels[i] >= 0 and positives:
      yield (
        np.array([np.exp(rows[i] @ rows[j] / temperature) for j in positives]),
        sum(np.exp(rows[i] @ rows[j] / temperature) for j in others),
      )


def _mean(values) -> float:
  values = list(values)
  return sum(values) / max(len(values), 1)


def suncet(embeddings, labels, temperature=0.1) -> float:
  terms = _terms_per_anchor(embeddings, labels, temperature)
  return _mean(-np.log(sum(pos) / total) for pos, total in terms)


def supcon_out(embeddings, labels, temperature=0.1) -> float:
  terms = _terms_per_anchor(embeddings, labels, temperature)
  return _mean(np.mean(-np.log(pos / total)) for pos, total in terms)


def supcon_in(embeddings, labels, temperature=0.1) -> float:
  terms = _terms_per_anchor(embeddings, labels, temperature)
  return _mean(-np.log(np.mean(pos / total)) for pos, total in terms)


def mean_log_positives(labels) -> float:
  counts = [sum(labels == label) - 1 for label in labels if label >= 0]
  return _mean(np.log(count) for count in counts if count)


def ntxent(first, second, temperature=0.1) -> float:
  rows = _normalize(np.concatenate([first, second]))
  n, values = len(first), []
  for i in range(2 * n):
    exps = [np.exp(rows[i] @ row / temperature) for row in rows]
    values.append(-np.log(exps[(i + n) % (2 * n)] / (sum(exps) - exps[i])))
  return _mean(values)


def contrastive_accuracy(first, second) -> float:
  rows = _normalize(np.concatenate([first, second]))
  n, hits = len(first), []
  for i in range(2 * n):
    others = [j for j in range(2 * n) if j != i]
    nearest = max(others, key=lambda j: rows[i] @ rows[j])
    hits.append(nearest == (i + n) % (2 * n))
  return _mean(hits)


def alignment(first, second) -> float:
  pairs = zip(_normalize(first), _normalize(second), strict=True)
  return _mean(np.sum((a - b) ** 2) for a, b in pairs)


def uniformity(embeddings, t=2.0) -> float:
  rows, kernel = _normalize(embeddings), []
  for i in range(len(rows)):
    for j in range(len(rows)):
      if i != j:
        kernel.append(np.exp(-t * np.sum((rows[i] - rows[j]) ** 2)))
  return float(np.log(_mean(kernel)))
