"""Reads and writes PyTorch's files; PyTorch is an optional dependency."""

import io
import pickle
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np

from suncet_jax.console.words import shorten
from suncet_jax.convert.weights import ConvertError, TensorFile

# Keys under which published checkpoints hold a state dict.
WRAPPERS = (
  "encoder",
  "target_encoder",
  "state_dict",
  "model",
  "model_state_dict",
)


def read(content: bytes, wrapper: str) -> TensorFile:
  """Reads the state dict in a checkpoint; see `tensor_files.read`."""
  torch = _torch()
  try:
    checkpoint = torch.load(
      io.BytesIO(content), map_location="cpu", weights_only=True
    )
  except pickle.UnpicklingError as error:
    raise ConvertError(
      "it holds more than tensors and plain values, or is damaged, and "
      "nothing is ever unpickled"
      f" ({_first_line(error)}). If you trust it, load it in PyTorch, save "
      "the state dict alone as safetensors, and convert that."
    ) from error
  except (RuntimeError, EOFError, ValueError, KeyError, OSError) as error:
    raise ConvertError(
      f"it is not a PyTorch file, or an incomplete one ({_first_line(error)})."
    ) from error
  if not isinstance(checkpoint, Mapping):
    raise ConvertError(
      f"it holds a {type(checkpoint).__name__}, expected a dict of tensors."
    )
  state, wrapper = _unwrapped(checkpoint, wrapper)
  others = [name for name, x in state.items() if not torch.is_tensor(x)]
  if others:
    raise ConvertError(
      f"it holds {', '.join(map(repr, others[:5]))} beside tensors, expected a "
      "state dict of tensors only."
    )
  return TensorFile(
    {str(name): _array(torch, str(name), x) for name, x in state.items()},
    {},
    wrapper,
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
  checkpoint: Mapping[str, Any], wrapper: str
) -> tuple[Mapping[str, Any], str]:
  """Returns the state dict in a checkpoint, and its key."""
  present = [x for x in WRAPPERS if isinstance(checkpoint.get(x), Mapping)]
  if wrapper:
    if not isinstance(checkpoint.get(wrapper), Mapping):
      raise ConvertError(
        f"it has no dict {wrapper!r} (--wrapper); there are: "
        f"{shorten([str(name) for name in checkpoint], 10)}."
      )
    return checkpoint[wrapper], wrapper
  if len(present) > 1:
    raise ConvertError(
      f"it holds {' and '.join(present)}: say which with --wrapper, such as "
      f"--wrapper={present[0]}."
    )
  if present:
    return checkpoint[present[0]], present[0]
  return checkpoint, ""


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
      f"({_first_line(error)})."
    ) from error


def _first_line(error: Exception) -> str:
  return next(iter(str(error).strip().splitlines()), repr(error)).rstrip(".")


def _torch() -> ModuleType:
  try:
    import torch
  except ImportError as error:
    raise ConvertError(
      "PyTorch's files need PyTorch: pip install -e '.[convert]' here. Files "
      "in safetensors and npz do not."
    ) from error
  return torch
