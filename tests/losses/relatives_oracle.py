"""PAWS, SwAV, CoMatch and FixMatch as their papers write them, in PyTorch.

Matrices of labels, probabilities instead of logarithms, one device: slower and
less careful than the library, and derived by autograd.
"""

import torch
from torch.nn.functional import cross_entropy, log_softmax, normalize, softmax


def fixmatch(weak, strong, threshold):
  confidence, labels = softmax(weak.detach(), dim=1).max(dim=1)
  terms = cross_entropy(strong, labels, reduction="none")
  return (terms * (confidence >= threshold)).mean()


def consistency(probabilities, strong, threshold):
  terms = -(probabilities * log_softmax(strong, dim=1)).sum(dim=1)
  return (terms * (probabilities.max(dim=1).values >= threshold)).mean()


def graph(first, second, probabilities, threshold, tau, bank, bank_probs):
  first, second = normalize(first), normalize(second)
  keys = torch.cat([second, normalize(bank)])
  similarities = torch.exp(first @ keys.T / tau)
  similarities = similarities / similarities.sum(dim=1, keepdim=True)
  own = probabilities @ probabilities.T
  own.fill_diagonal_(1)
  weights = torch.cat([own, probabilities @ bank_probs.T], dim=1)
  weights = weights * (weights >= threshold)
  weights = weights / weights.sum(dim=1, keepdim=True)
  return -(weights * torch.log(similarities + 1e-7)).sum(dim=1).mean()


def sinkhorn(scores, epsilon, iterations):
  matrix = torch.exp(scores / epsilon).T
  matrix = matrix / matrix.sum()
  prototypes, samples = matrix.shape
  for _ in range(iterations):
    matrix = matrix / matrix.sum(dim=1, keepdim=True) / prototypes
    matrix = matrix / matrix.sum(dim=0, keepdim=True) / samples
  return (matrix * samples).T


def swav(views, prototypes, queue, tau, epsilon, iterations):
  scores = [normalize(view) @ prototypes for view in views]
  total = 0
  for assigned in range(2):
    all_scores = torch.cat(
      [queue[assigned] @ prototypes, scores[assigned]]
    ).detach()
    targets = sinkhorn(all_scores, epsilon, iterations)[-len(views[0]) :]
    others = [v for v in range(len(views)) if v != assigned]
    terms = [
      -(targets * log_softmax(scores[v] / tau, dim=1)).sum(dim=1).mean()
      for v in others
    ]
    total = total + sum(terms) / len(others)
  return total / 2


def paws(views, supports, matrix, targets, target_supports, tau, sharpening):
  """Returns both terms; `matrix` holds the smoothed labels of the supports."""

  def predict(rows, held):
    return softmax(normalize(rows) @ normalize(held).T / tau, dim=1) @ matrix

  def sharpen(probabilities):
    powers = probabilities ** (1 / sharpening)
    return powers / powers.sum(dim=1, keepdim=True)

  with torch.no_grad():
    swapped = [
      sharpen(predict(rows, target_supports)) for rows in reversed(targets)
    ]
    small = [(swapped[0] + swapped[1]) / 2] * (len(views) - 2)
    wanted = torch.cat([*swapped, *small])
    wanted[wanted < 1e-4] = 0
  probabilities = predict(torch.cat(views), supports)
  terms = torch.log(probabilities ** (-wanted)).sum(dim=1).mean()
  mean = sharpen(probabilities).mean(dim=0)
  return terms, -torch.log(mean ** (-mean)).sum()
