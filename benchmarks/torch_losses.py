"""NT-Xent and SuNCEt in plain PyTorch."""

import torch
import torch.nn.functional as F


def ntxent(projections: torch.Tensor, temperature: float) -> torch.Tensor:
  """Returns NT-Xent of projections [2n, d], row n + i another view of row i."""
  count = projections.shape[0]
  logits = _logits(projections, temperature)
  partners = torch.arange(count).roll(count // 2)
  return F.cross_entropy(logits, partners)


def suncet(
  projections: torch.Tensor, labels: torch.Tensor, temperature: float
) -> torch.Tensor:
  """Returns SuNCEt of projections [n, d]; every label occurs more than once."""
  logits = _logits(projections, temperature)
  is_other_class = labels[:, None] != labels
  over_positives = logits.masked_fill(is_other_class, -torch.inf).logsumexp(1)
  return (logits.logsumexp(1) - over_positives).mean()


def _logits(projections: torch.Tensor, temperature: float) -> torch.Tensor:
  """Returns cosines over the temperature [n, n], -inf on the diagonal."""
  rows = F.normalize(projections)
  logits = rows @ rows.T / temperature
  is_self = torch.eye(rows.shape[0], dtype=torch.bool)
  return logits.masked_fill(is_self, -torch.inf)
