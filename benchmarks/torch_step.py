"""The PyTorch columns: channels-last, in float32 or with bf16 autocast."""

import torch
import torch_models
from rows import LEARNING_RATE, MOMENTUM, ROWS, TEMPERATURE
from torch_losses import ntxent
from workers import Job


def make(row: str, dtype: str) -> Job:
  """Returns the job.

  Args:
    row: key of `ROWS`.
    dtype: "float32" or "bfloat16", which means autocast.
  """
  shape = ROWS[row]
  images = torch.from_numpy(shape.images()).permute(0, 3, 1, 2)
  images = images.contiguous(memory_format=torch.channels_last)
  model = torch_models.build(shape.model, shape.stem, shape.channels)
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
