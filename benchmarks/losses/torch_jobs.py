"""PyTorch columns of losses: plain formulas and two libraries' losses.

All gradients are exact: none of the losses detaches the keys (lightly would
with a memory bank, which is off).
"""

from collections.abc import Callable

import torch

from benchmarks.harness.torchvision_cpu import import_transforms
from benchmarks.harness.workers import Job
from benchmarks.losses.columns import Embeddings
from benchmarks.step import torch_jobs
from benchmarks.step.rows import TEMPERATURE

Loss = Callable[[torch.Tensor], torch.Tensor]


def make(loss: str, n: int, d: int) -> Job:
  """Returns the job.

  Args:
    loss: Key of `LOSSES`.
    n: Number of embeddings.
    d: Size of an embedding.
  """
  row = Embeddings(n, d)
  of_embeddings = LOSSES[loss](row)
  embeddings = torch.from_numpy(row.values()).requires_grad_()

  def job(steps: int) -> None:
    for _ in range(steps):
      embeddings.grad = None
      of_embeddings(embeddings).backward()

  return job


def _plain_ntxent(_: Embeddings) -> Loss:
  return lambda embeddings: torch_jobs.ntxent(embeddings, TEMPERATURE)


def _plain_suncet(row: Embeddings) -> Loss:
  labels = torch.from_numpy(row.classes())
  return lambda rows: torch_jobs.suncet(rows, labels, TEMPERATURE)


def _lightly_ntxent(_: Embeddings) -> Loss:
  import_transforms()  # lightly imports torchvision, which may need help
  from lightly.loss.ntx_ent_loss import NTXentLoss

  loss = NTXentLoss(temperature=TEMPERATURE, memory_bank_size=0)
  return lambda embeddings: loss(*embeddings.chunk(2))


def _metric_learning_ntxent(row: Embeddings) -> Loss:
  from pytorch_metric_learning.losses import NTXentLoss

  loss, images = NTXentLoss(TEMPERATURE), torch.from_numpy(row.images())
  return lambda embeddings: loss(embeddings, images)


def _metric_learning_supcon(row: Embeddings) -> Loss:
  from pytorch_metric_learning.losses import SupConLoss

  loss, labels = SupConLoss(TEMPERATURE), torch.from_numpy(row.classes())
  return lambda embeddings: loss(embeddings, labels)


LOSSES: dict[str, Callable[[Embeddings], Loss]] = {
  "ntxent": _plain_ntxent,
  "suncet": _plain_suncet,
  "lightly_ntxent": _lightly_ntxent,
  "metric_learning_ntxent": _metric_learning_ntxent,
  "metric_learning_supcon": _metric_learning_supcon,
}
