"""Photographs for the benchmarks of input, the same for every column."""

import importlib.util
import pathlib
from types import ModuleType
from typing import Any

import numpy as np
from input_rows import Row

_ROOT = pathlib.Path(__file__).parents[1]
_ARRAYS = "arrays.npy"


def load_file(path: str) -> ModuleType:
  """Returns the module in a file that is in no package.

  Args:
    path: relative to the repository.

  Raises:
    ImportError: If it cannot be loaded.
  """
  file = _ROOT / path
  spec = importlib.util.spec_from_file_location(file.stem, file)
  if spec is None or spec.loader is None:
    raise ImportError(f"Cannot load {file}.")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def jpegs(count: int, shape: tuple[int, int] = (500, 375)) -> list[bytes]:
  """Returns JPEG files of photographs, of about 110 kB where that is normal."""
  normal = shape == (500, 375)
  size: dict[str, Any] = {"size": shape, "kilobytes": 110.0 if normal else None}
  return list(load_file("tools/photographs.py").jpegs(count, **size))


def write(row: Row, folder: pathlib.Path) -> None:
  """Writes the images of a row."""
  if row.is_encoded:
    for index, file in enumerate(jpegs(row.images, row.shape)):
      (folder / f"{index:04}.jpg").write_bytes(file)
    return
  photographs = load_file("tools/photographs.py")
  photos, draw = photographs.photos(), np.random.default_rng(0)
  crops = [
    photographs.crop(photos[index % len(photos)], row.shape, draw)
    for index in range(row.images)
  ]
  np.save(folder / _ARRAYS, np.stack([np.asarray(crop) for crop in crops]))


def encoded(folder: pathlib.Path) -> list[bytes]:
  """Returns the JPEG files that were written."""
  return [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]


def arrays(folder: pathlib.Path) -> np.ndarray:
  """Returns the images that were written, uint8 [n, h, w, 3]."""
  return np.load(folder / _ARRAYS)
