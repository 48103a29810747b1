"""PyTorch columns of the training step, with their losses.

They are channels-last, in float32 or with bf16 autocast.
"""

import torch
import torch.nn.functional as F

from benchmarks.harness.workers import Job
from benchmarks.step import torch_models
from benchmarks.step.rows import LEARNING_RATE, MOMENTUM, ROWS, TEMPERATURE


def make(row: str, dtype: str) -> Job:
  """Returns the job.

  Args:
    row: Key of `ROWS`.
    dtype: "float32" or "bfloat16", which means autocast.
  """
  workload = ROWS[row]
  images = torch.from_numpy(workload.images()).permute(0, 3, 1, 2)
  images = images.contiguous(memory_format=torch.channels_last)
  model = torch_models.build(
    workload.model, workload.stem, workload.channels, workload.size
  )
  optimizer = torch.optim.SGD(
    model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM
  )

  def job(steps: int) -> None:
    for _ in range(steps):
      optimizer.zero_grad()
      with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
        projections = model(images)
      # In float32, as the JAX columns take it.
      ntxent(projections.float(), TEMPERATURE).backward()
      optimizer.step()

  return job


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
