"""The PyTorch columns of losses: plain formulas and two libraries' losses.

The gradient of all of them is exact: nobody here detaches the keys (lightly
would with a memory bank, which is off).
"""

from collections.abc import Callable

import torch
import torch_losses
from loss_rows import Row
from rows import TEMPERATURE
from torchvision_cpu import import_transforms
from workers import Job

Loss = Callable[[torch.Tensor], torch.Tensor]


def make(loss: str, n: int, d: int) -> Job:
  """Returns the job.

  Args:
    loss: key of `LOSSES`.
    n: rows.
    d: of each row.
  """
  row = Row(n, d)
  of_embeddings = LOSSES[loss](row)
  embeddings = torch.from_numpy(row.embeddings()).requires_grad_()

  def job(steps: int) -> None:
    for _ in range(steps):
      embeddings.grad = None
      of_embeddings(embeddings).backward()

  return job


def _plain_ntxent(_: Row) -> Loss:
  return lambda embeddings: torch_losses.ntxent(embeddings, TEMPERATURE)


def _plain_suncet(row: Row) -> Loss:
  labels = torch.from_numpy(row.classes())
  return lambda rows: torch_losses.suncet(rows, labels, TEMPERATURE)


def _lightly_ntxent(_: Row) -> Loss:
  import_transforms()  # lightly imports torchvision, which may need help
  from lightly.loss.ntx_ent_loss import NTXentLoss

  loss = NTXentLoss(temperature=TEMPERATURE, memory_bank_size=0)
  return lambda embeddings: loss(*embeddings.chunk(2))


def _metric_learning_ntxent(row: Row) -> Loss:
  from pytorch_metric_learning.losses import NTXentLoss

  loss, images = NTXentLoss(TEMPERATURE), torch.from_numpy(row.images())
  return lambda embeddings: loss(embeddings, images)


def _metric_learning_supcon(row: Row) -> Loss:
  from pytorch_metric_learning.losses import SupConLoss

  loss, labels = SupConLoss(TEMPERATURE), torch.from_numpy(row.classes())
  return lambda embeddings: loss(embeddings, labels)


LOSSES: dict[str, Callable[[Row], Loss]] = {
  "ntxent": _plain_ntxent,
  "suncet": _plain_suncet,
  "lightly_ntxent": _lightly_ntxent,
  "metric_learning_ntxent": _metric_learning_ntxent,
  "metric_learning_supcon": _metric_learning_supcon,
}
