"""PyTorch's plain form of the losses on the same device, beside ours."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.losses.columns import Embeddings
from tools.accelerator_check.context import Absent, Context
from tools.accelerator_check.parts.losses import (
  DIMENSION,
  NAMES,
  gradient_file,
)
from tools.accelerator_check.timing import median_seconds


def run(context: Context) -> None:
  """Measures PyTorch's losses, and how far ours are from them.

  Args:
    context: Surroundings of the part.
  """
  if importlib.util.find_spec("torch") is None:
    raise Absent("torch is not installed")
  import torch

  if context.platform == "cuda" and not torch.cuda.is_available():
    raise Absent(f"torch {torch.__version__} sees no GPU")
  device = "cuda" if context.platform == "cuda" else "cpu"
  torch.set_default_device(device)
  found: dict[str, dict[str, Any]] = {name: {} for name in NAMES}
  for n in context.sizes.loss_rows:
    for name in NAMES:
      try:
        told = _measured(context, name, Embeddings(n, DIMENSION), device)
      except torch.OutOfMemoryError:
        told = {"out_of_memory": True}
      found[name][str(n)] = told
      context.tell(times=found)


def _measured(
  context: Context, name: str, row: Embeddings, device: str
) -> dict[str, Any]:
  import torch

  if device == "cuda":
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
  rows = torch.tensor(row.values(), device=device, requires_grad=True)
  step = _step(name, row, rows, device)
  value = step()
  told = _difference(gradient_file(context, name, row), value, rows.grad)
  seconds = median_seconds(step, context.sizes.repeats)
  told |= {"seconds": seconds, "value": value}
  if device == "cuda":
    told["peak_bytes"] = torch.cuda.max_memory_allocated()
  return told


def _step(
  name: str, row: Embeddings, rows: Any, device: str
) -> Callable[[], float]:
  """Returns what sets the gradient of the rows and returns the loss."""
  import torch

  from benchmarks.step import torch_jobs
  from benchmarks.step.rows import TEMPERATURE

  labels = torch.tensor(row.classes(), device=device)

  def step() -> float:
    rows.grad = None
    if name == "ntxent":
      loss = torch_jobs.ntxent(rows, TEMPERATURE)
    else:
      loss = torch_jobs.suncet(rows, labels, TEMPERATURE)
    loss.backward()
    if device == "cuda":
      torch.cuda.synchronize()
    return float(loss.detach())

  return step


def _difference(file: str, value: float, gradient: Any) -> dict[str, Any]:
  """Returns how far our value and gradient are from these; {} without ours."""
  if not Path(file).exists():
    return {}
  with np.load(file) as ours:
    return {
      "difference": abs(float(ours["value"]) / value - 1),
      "gradient_difference": relative_distance(
        ours["gradient"], gradient.cpu().numpy()
      ),
    }


def relative_distance(a: np.ndarray, b: np.ndarray) -> float:
  """Returns the norm of the difference over the norm of the second.

  Args:
    a: Array.
    b: Array of the same shape.
  """
  return float(np.linalg.norm(a - b) / np.linalg.norm(b))
