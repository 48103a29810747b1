"""MIL-NCE and Global-Local's local loss in PyTorch, row by row.

Sums over pairs that are written out one by one, where the library multiplies
matrices; derived by autograd.
"""

import torch
from torch.nn.functional import normalize as unit


def mil_nce(anchors, bags, normalize, tau):
  if normalize:
    anchors, bags = unit(anchors, dim=-1), unit(bags, dim=-1)
  n = len(anchors)

  def of(row, bag):
    return (bags[bag] * anchors[row]).sum(dim=-1) / tau

  total = 0
  for i in range(n):
    compared = [of(i, j) for j in range(n)] + [of(j, i) for j in range(n)]
    total += torch.logsumexp(torch.cat(compared), 0)
    total -= torch.logsumexp(of(i, i), 0)
  return total / n


def attention(audio, places, normalize, tau):
  if normalize:
    audio, places = unit(audio, dim=-1), unit(places, dim=-1)
  dots = [places[i] @ sound for i, sound in enumerate(audio)]
  return torch.softmax(torch.stack(dots) / tau, dim=1)


def local(audio, places, frames, sounds, normalize, tau):
  weights = attention(audio, places, normalize, tau)
  rows, bags = [], []
  each = sounds.shape[1] // frames.shape[1]
  for i, clip in enumerate(frames):
    for t, frame in enumerate(clip):
      rows.append((weights[i][:, None] * frame).sum(dim=0))
      bags.append(sounds[i, t * each : (t + 1) * each])
  return mil_nce(torch.stack(rows), torch.stack(bags), normalize, tau)
