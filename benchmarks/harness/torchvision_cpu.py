"""Imports torchvision, also beside a PyTorch for the CPU."""

from typing import Any

import torch


def import_transforms() -> Any:
  """Imports torchvision and returns its module of transforms."""
  # The compiled part of PyPI's torchvision needs CUDA. Without that part the
  # import fails because two operators are not declared, which have nothing to
  # do with transforms of PIL images.
  try:
    from torchvision import transforms
  except RuntimeError:
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
      library.define(
        f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
      )
    from torchvision import transforms
  return transforms
