"""Reads and writes PyTorch's files; PyTorch is an optional dependency."""

import io
import pickle
import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from suncet_jax.console.words import shorten
from suncet_jax.convert.refusals import reason, refusal
from suncet_jax.convert.weights import ConvertError, TensorFile

# Keys under which published checkpoints hold a state dict.
WRAPPERS = (
  "encoder",
  "target_encoder",
  "state_dict",
  "model",
  "model_state_dict",
)


_DEPTH = 8  # of dicts within dicts; a pickle may hold one within itself


def read(content: bytes, wrapper: str, part: str = "") -> TensorFile:
  """Reads the tensors of a checkpoint; see `tensor_files.read`."""
  torch = _torch()
  try:
    with warnings.catch_warnings():
      warnings.simplefilter("ignore")  # what is wrong is said below
      checkpoint = torch.load(
        io.BytesIO(content), map_location="cpu", weights_only=True
      )
  except pickle.UnpicklingError as error:
    raise ConvertError(refusal(error, content)) from error
  # A file may hold any bytes, and its reader fails on them in any way.
  except Exception as error:
    raise ConvertError(
      f"it is not a PyTorch file, or an incomplete one ({reason(error)})."
    ) from error
  if not isinstance(checkpoint, Mapping):
    raise ConvertError(
      f"it holds a {type(checkpoint).__name__}, expected a dict of tensors."
    )
  state = _unwrapped(checkpoint, wrapper, part)
  tensors: dict[str, Any] = {}
  dicts: list[str] = []
  _flatten(torch, state, "", tensors, dicts)
  if not tensors:
    raise ConvertError(
      f"it holds no tensors, but {shorten([str(x) for x in state], 10)}."
    )
  return TensorFile(
    {name: _array(torch, name, x) for name, x in tensors.items()},
    {},
    wrapper,
    dicts,
  )


def encoded(tensors: Mapping[str, np.ndarray], wrapper: str) -> bytes:
  """Returns the bytes of a PyTorch file."""
  torch = _torch()
  state: dict[str, Any] = {
    name: torch.from_numpy(np.array(x)) for name, x in tensors.items()
  }
  buffer = io.BytesIO()
  torch.save({wrapper: state, "epoch": 0} if wrapper else state, buffer)
  return buffer.getvalue()


def _unwrapped(
  checkpoint: Mapping[Any, Any], wrapper: str, part: str
) -> Mapping[Any, Any]:
  """Returns the dict that is meant of a checkpoint; all, if that is unsaid."""
  present = [x for x in WRAPPERS if isinstance(checkpoint.get(x), Mapping)]
  if wrapper:
    if not isinstance(checkpoint.get(wrapper), Mapping):
      raise ConvertError(
        f"it has no dict {wrapper!r} (--wrapper); there are: "
        f"{shorten([str(name) for name in checkpoint], 10)}."
      )
    return checkpoint[wrapper]
  if len(present) > 1 and not part:
    raise ConvertError(
      f"it holds {' and '.join(present)}: say which with --wrapper, such as "
      f"--wrapper={present[0]}, or with --part."
    )
  return checkpoint


def _flatten(
  torch: ModuleType,
  tree: Mapping[Any, Any],
  prefix: str,
  tensors: dict[str, Any],
  dicts: list[str],
  depth: int = _DEPTH,
) -> None:
  """Collects tensors in dicts within dicts, by their keys with dots between.

  Optimizers number their tensors; what has no name is no part of a network.
  """
  for key, value in tree.items():
    if not isinstance(key, str):
      continue
    path = prefix + key
    if torch.is_tensor(value):
      tensors[path] = value
    elif isinstance(value, Mapping) and depth:
      dicts.append(path)
      _flatten(torch, value, f"{path}.", tensors, dicts, depth - 1)


def _array(torch: ModuleType, name: str, tensor: Any) -> np.ndarray:
  tensor = tensor.detach()
  if tensor.dtype == torch.bfloat16:  # not in NumPy; exact in float32
    tensor = tensor.float()
  try:
    return tensor.contiguous().numpy()
  except (TypeError, RuntimeError) as error:
    raise ConvertError(
      f"{name} is {tensor.dtype}, {tensor.layout}, on {tensor.device}; "
      "expected a dense tensor of numbers that NumPy has "
      f"({reason(error)})."
    ) from error


def _torch() -> ModuleType:
  try:
    import torch
  except ImportError as error:
    raise ConvertError(
      "PyTorch's files need PyTorch: pip install -e '.[convert]' here. Files "
      "in safetensors and npz do not."
    ) from error
  return torch
