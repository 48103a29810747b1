"""The fashion_mnist job in PyTorch: torchvision's PIL views and the step."""

import json
import pathlib

import torch
import torch_models
from rows import MOMENTUM
from torch_losses import ntxent, suncet
from torch_views import make_loader
from workers import Job


def make(folder: str) -> Job:
  """Returns the job of steps that include their input.

  Args:
    folder: what `fashion_data` wrote.
  """
  path = pathlib.Path(folder)
  config = json.loads((path / "config.json").read_text())
  batches = iter(make_loader(path))
  network, temperature = config["model"], config["method"]["temperature"]
  model = torch_models.build(
    network["name"], network["stem"], 1, network["head"]["out"]
  )
  optimizer = torch.optim.SGD(
    model.parameters(), lr=config["optim"]["peak_lr"], momentum=MOMENTUM
  )

  def job(steps: int) -> None:
    for _ in range(steps):
      images, labels = next(batches)
      optimizer.zero_grad()
      images = images.contiguous(memory_format=torch.channels_last)
      projections = model(images)
      count = len(images) - len(labels)
      loss = ntxent(projections[:count], temperature)
      loss = loss + suncet(projections[count:], labels, temperature)
      loss.backward()
      optimizer.step()

  return job
