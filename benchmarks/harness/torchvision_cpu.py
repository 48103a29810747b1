"""Imports torchvision, also beside a PyTorch for the CPU."""

from typing import Any

import torch


def import_transforms() -> Any:
  """Returns torchvision's module of transforms; all of it can then be imported.

  The compiled part of PyPI's torchvision wants CUDA. Without that part its
  import fails because two operators are not declared, which have nothing to
  do with transforms of PIL images.
  """
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
