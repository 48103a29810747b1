"""The job of `configs/fashion_mnist.py` in PyTorch, with torchvision's views.

The views are made of PIL images, by worker processes.
"""

import json
import os
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from benchmarks.harness.torchvision_cpu import import_transforms
from benchmarks.harness.workers import Job
from benchmarks.step import torch_models
from benchmarks.step.rows import MOMENTUM
from benchmarks.step.torch_jobs import ntxent, suncet

# An image's index and the number of its views.
Request = tuple[int, int]


def make(folder: str) -> Job:
  """Returns the job of steps that include their input.

  Args:
    folder: Folder that `ours.write` filled.
  """
  path = pathlib.Path(folder)
  config = json.loads((path / "config.json").read_text())
  batches = iter(_make_loader(path))
  network, temperature = config["model"], config["method"]["temperature"]
  model = torch_models.build(
    network["name"],
    network["stem"],
    channels=1,
    size=config["augment"]["size"],
    out=network["head"]["out"],
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


def _make_loader(folder: pathlib.Path) -> DataLoader:
  """Returns a loader of (views [2b + l, c, h, w], labels [l]) without end.

  The first b rows are a view of each unlabelled image, the next b another one,
  the last l a view of each labelled image.
  """
  config = json.loads((folder / "config.json").read_text())
  return DataLoader(
    _Views(folder, _make_transform(config["augment"])),
    batch_sampler=_Requests(folder, config["data"]),
    collate_fn=_collate,
    num_workers=len(os.sched_getaffinity(0)),
  )


def _make_transform(augment: dict[str, Any]) -> Callable[[Image.Image], Any]:
  """Returns torchvision's transform of a PIL image of one channel.

  Operations that leave grey images as they are (saturation, hue, grayscale)
  are left out, as our augmentation leaves them out; there is no blur.
  """
  transforms = import_transforms()
  jitter = transforms.ColorJitter(augment["brightness"], augment["contrast"])
  return transforms.Compose(
    [
      transforms.RandomResizedCrop(
        augment["size"], augment["crop_scale"], augment["crop_ratio"]
      ),
      transforms.RandomHorizontalFlip(augment["flip_prob"]),
      transforms.RandomApply([jitter], augment["jitter_prob"]),
      transforms.ToTensor(),
    ]
  )


class _Views(Dataset):
  """Views of one image, and its label."""

  def __init__(
    self, folder: pathlib.Path, transform: Callable[[Image.Image], Any]
  ) -> None:
    self._pixels = np.load(folder / "pixels.npy")[..., 0]
    self._labels = np.load(folder / "labels.npy")
    self._transform = transform

  def __getitem__(self, request: Request) -> tuple[list[torch.Tensor], int]:
    index, count = request
    image = Image.fromarray(self._pixels[index])
    views = [self._transform(image) for _ in range(count)]
    return views, int(self._labels[index])


class _Requests:
  """The images of each step: shuffled unlabelled ones, balanced labelled."""

  def __init__(self, folder: pathlib.Path, data: dict[str, Any]) -> None:
    self._pool = np.load(folder / "pool.npy")
    labelled = np.load(folder / "labelled.npy")
    labels = np.load(folder / "labels.npy")[labelled]
    self._classes = [labelled[labels == label] for label in np.unique(labels)]
    self._batch_size = data["batch_size"]
    self._classes_per_batch = data["labelled"]["classes_per_batch"]
    self._images_per_class = data["labelled"]["images_per_class"]

  def __iter__(self) -> Iterator[list[Request]]:
    random = np.random.default_rng(0)
    while True:
      order = random.permutation(self._pool)
      last = len(order) - self._batch_size
      for start in range(0, last + 1, self._batch_size):
        unlabelled = order[start : start + self._batch_size]
        yield [
          *((int(index), 2) for index in unlabelled),
          *((int(index), 1) for index in self._balanced(random)),
        ]

  def _balanced(self, random: np.random.Generator) -> np.ndarray:
    """Returns the indices of a step's labelled images."""
    classes = random.permutation(len(self._classes))[: self._classes_per_batch]
    count = self._images_per_class
    return np.concatenate(
      [random.permutation(self._classes[c])[:count] for c in classes]
    )


def _collate(
  items: list[tuple[list[torch.Tensor], int]],
) -> tuple[torch.Tensor, torch.Tensor]:
  """Stacks all first views, then all second ones, then the labelled ones."""
  pairs = [views for views, _ in items if len(views) == 2]
  single = [(views[0], label) for views, label in items if len(views) == 1]
  rows = [
    *(first for first, _ in pairs),
    *(second for _, second in pairs),
    *(view for view, _ in single),
  ]
  return torch.stack(rows), torch.tensor([label for _, label in single])
