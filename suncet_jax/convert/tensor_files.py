"""Files of named tensors: safetensors, npz and PyTorch's.

Nothing in a file is ever unpickled.
"""

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from etils import epath

from suncet_jax.convert.weights import ConvertError, TensorFile
from suncet_jax.files import storage
from suncet_jax.files.formats import read_npz
from suncet_jax.files.paths import expanded

SAFETENSORS, NPZ = ".safetensors", ".npz"
PYTORCH = (".pth", ".pt", ".tar", ".bin", ".ckpt")
SUFFIXES = (SAFETENSORS, NPZ, *PYTORCH)

_METADATA = "__metadata__"
# Dtypes by their names in safetensors.
_DTYPES = {
  "F64": np.dtype(np.float64),
  "F32": np.dtype(np.float32),
  "F16": np.dtype(np.float16),
  "BF16": np.dtype(jnp.bfloat16),
  "I64": np.dtype(np.int64),
  "I32": np.dtype(np.int32),
  "I16": np.dtype(np.int16),
  "I8": np.dtype(np.int8),
  "U8": np.dtype(np.uint8),
  "BOOL": np.dtype(np.bool_),
}


def read(path: epath.PathLike, wrapper: str = "", part: str = "") -> TensorFile:
  """Reads a file of tensors, local or gs://.

  Args:
    path: File, whose suffix tells the format.
    wrapper: Key of the state dict in a PyTorch file; empty: all of the file.
    part: Part of the file that is meant; where it is said, usual keys may be
      several.

  Raises:
    ConvertError: If the file is missing, damaged or of another format.
  """
  path = expanded(path)
  if not path.exists():
    raise ConvertError(f"there is no file or folder {path}.")
  if path.suffix not in SUFFIXES:
    raise ConvertError(
      f"{path} has the suffix {path.suffix!r}, expected one of "
      f"{', '.join(SUFFIXES)}, or a folder."
    )
  try:
    content = storage.read(path)
  except OSError as error:
    raise ConvertError(f"{path} cannot be read: {error}.") from error
  try:
    if path.suffix == SAFETENSORS:
      return _read_safetensors(content)
    if path.suffix == NPZ:
      return _read_npz(content)
    from suncet_jax.convert import torch_files

    return torch_files.read(content, wrapper, part)
  except ConvertError as error:
    raise ConvertError(f"{path}: {error}") from error


def write(
  path: epath.PathLike,
  tensors: Mapping[str, np.ndarray],
  metadata: Mapping[str, str],
  wrapper: str = "",
) -> None:
  """Writes a file of tensors, in full or not at all.

  Args:
    path: File, whose suffix tells the format.
    tensors: Tensors by name.
    metadata: Metadata, text by name; PyTorch files have no place for it.
    wrapper: Key for the tensors in a PyTorch file; empty: at the top.

  Raises:
    ConvertError: If the file cannot be written.
  """
  path = expanded(path)
  arrays = {name: np.ascontiguousarray(x) for name, x in tensors.items()}
  # np.ascontiguousarray gives scalars an axis.
  arrays = {name: x.reshape(tensors[name].shape) for name, x in arrays.items()}
  if path.suffix == SAFETENSORS:
    from safetensors import numpy as safetensors

    content = _in_order(
      safetensors.save(arrays, metadata={"format": "pt", **metadata})
    )
  elif path.suffix == NPZ:
    content = _npz(arrays, metadata)
  else:
    from suncet_jax.convert import torch_files

    content = torch_files.encoded(arrays, wrapper)
  write_bytes(path, content)


def write_bytes(path: epath.PathLike, content: bytes) -> None:
  """Writes a file, in full or not at all.

  Raises:
    ConvertError: If the file cannot be written.
  """
  try:
    storage.write(path, content)
  except OSError as error:
    raise ConvertError(f"{path} cannot be written: {error}.") from error


def _in_order(content: bytes) -> bytes:
  """Returns a safetensors file with its metadata sorted.

  The library writes metadata in another order every time; the same weights are
  to be the same bytes.
  """
  (length,) = struct.unpack("<Q", content[:8])
  header = json.loads(content[8 : 8 + length])
  header[_METADATA] = dict(sorted(header[_METADATA].items()))
  text = json.dumps(header, ensure_ascii=False, separators=(",", ":"))
  encoded = text.encode()
  encoded += b" " * (-len(encoded) % 8)  # tensors stay aligned
  return struct.pack("<Q", len(encoded)) + encoded + content[8 + length :]


def _read_safetensors(content: bytes) -> TensorFile:
  import safetensors

  try:
    # In an order of its own at each call.
    described = sorted(safetensors.deserialize(content), key=lambda x: x[0])
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
  except (safetensors.SafetensorError, ValueError) as error:
    raise ConvertError(
      f"it is not a safetensors file, or an incomplete one ({error})."
    ) from error
  tensors = {name: _array(name, about) for name, about in described}
  return TensorFile(tensors, header.get(_METADATA) or {})


def _array(name: str, about: Mapping[str, Any]) -> np.ndarray:
  dtype = _DTYPES.get(about["dtype"])
  if dtype is None:
    raise ConvertError(
      f"{name} is {about['dtype']}, expected one of {', '.join(_DTYPES)}."
    )
  array = np.frombuffer(about["data"], dtype).reshape(about["shape"])
  # NumPy has no bfloat16 of its own; float32 holds all of its values.
  return array.astype(np.float32) if about["dtype"] == "BF16" else array


def _npz(
  tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> bytes:
  """Returns the bytes of an npz file; `np.savez` does not take every name."""
  buffer = io.BytesIO()
  text = {_METADATA: np.array(json.dumps(dict(metadata)))}
  with zipfile.ZipFile(buffer, "w") as archive:
    for name, array in (dict(tensors) | text).items():
      with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)
  return buffer.getvalue()


def _read_npz(content: bytes) -> TensorFile:
  try:
    tensors = read_npz(content)
    metadata = json.loads(str(tensors.pop(_METADATA, "{}")))
  except ValueError as error:
    raise ConvertError(f"{error}.") from error
  return TensorFile(tensors, metadata)
