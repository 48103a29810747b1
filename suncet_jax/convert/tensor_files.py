"""Files of named tensors: safetensors, npz and PyTorch's.

Nothing is unpickled, whatever a file holds.
"""

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from etils import epath

from suncet_jax.convert.weights import ConvertError
from suncet_jax.data import storage

SAFETENSORS, NPZ = ".safetensors", ".npz"
PYTORCH = (".pth", ".pt", ".tar", ".bin", ".ckpt")
SUFFIXES = (SAFETENSORS, NPZ, *PYTORCH)

_METADATA = "__metadata__"


class TensorFile(NamedTuple):
  """What a file holds.

  Attributes:
    tensors: By name.
    metadata: Text by name; empty if the format or the file has none.
    wrapper: For a PyTorch file: the key under which the tensors were; empty if
      they were at the top.
  """

  tensors: dict[str, np.ndarray]
  metadata: dict[str, str]
  wrapper: str = ""


def read(path: epath.PathLike, wrapper: str = "") -> TensorFile:
  """Reads a file of tensors, local or gs://.

  Args:
    path: The file; its suffix tells the format.
    wrapper: For a PyTorch file: the key of the state dict; empty: found.

  Raises:
    ConvertError: If it is not there, damaged, or of another format.
  """
  path = epath.Path(path)
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

    return torch_files.read(content, wrapper)
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
    path: The file; its suffix tells the format.
    tensors: By name.
    metadata: Text by name; PyTorch files have no place for it.
    wrapper: For a PyTorch file: the key to put the tensors under.

  Raises:
    ConvertError: If it cannot be written.
  """
  path = epath.Path(path)
  arrays = {name: np.ascontiguousarray(x) for name, x in tensors.items()}
  # ascontiguousarray gives scalars an axis.
  arrays = {name: x.reshape(tensors[name].shape) for name, x in arrays.items()}
  if path.suffix == SAFETENSORS:
    from safetensors import numpy as safetensors

    content = safetensors.save(arrays, metadata={"format": "pt", **metadata})
  elif path.suffix == NPZ:
    content = _npz(arrays, metadata)
  else:
    from suncet_jax.convert import torch_files

    content = torch_files.encoded(arrays, wrapper)
  try:
    storage.write(path, content)
  except OSError as error:
    raise ConvertError(f"{path} cannot be written: {error}.") from error


def _read_safetensors(content: bytes) -> TensorFile:
  import safetensors
  from safetensors import numpy as safetensors_numpy

  try:
    tensors = safetensors_numpy.load(content)
    (length,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + length])
  except (safetensors.SafetensorError, KeyError, ValueError) as error:
    raise ConvertError(
      f"it is no safetensors file, or an incomplete one ({error})."
    ) from error
  return TensorFile(tensors, header.get(_METADATA) or {})


def _npz(
  tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> bytes:
  """Returns the bytes of an npz file; `np.savez` takes not every name."""
  buffer = io.BytesIO()
  text = {_METADATA: np.array(json.dumps(dict(metadata)))}
  with zipfile.ZipFile(buffer, "w") as archive:
    for name, array in (dict(tensors) | text).items():
      with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)
  return buffer.getvalue()


def _read_npz(content: bytes) -> TensorFile:
  incomplete = "it is no npz file, or an incomplete one"
  if not zipfile.is_zipfile(io.BytesIO(content)):
    raise ConvertError(f"{incomplete}.")
  try:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
      tensors = {name: file[name] for name in file.files}
    metadata = json.loads(str(tensors.pop(_METADATA, "{}")))
  except (
    ValueError,
    EOFError,
    OSError,
    zipfile.BadZipFile,
    zlib.error,
  ) as error:
    if "allow_pickle" in str(error):
      raise ConvertError(
        "it holds pickled Python objects, which are never loaded; expected "
        "plain arrays."
      ) from error
    raise ConvertError(f"{incomplete} ({error}).") from error
  return TensorFile(tensors, metadata)
