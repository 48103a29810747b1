"""The job of `configs/fashion_mnist.py`, and its data for others than us.

    python benchmarks/fashion_data.py FOLDER

writes the images, the labels and the splits as `.npy` files and the
configuration as JSON, so that PyTorch reads the same ones without our code.
"""

import importlib.util
import pathlib
import sys

import numpy as np
from ml_collections import ConfigDict

from suncet_jax.train.experiment import Experiment, build

_FILE = pathlib.Path(__file__).parents[1] / "configs" / "fashion_mnist.py"


def experiment() -> Experiment:
  """Returns the experiment that the configuration describes."""
  return build(_config())


def write(folder: pathlib.Path) -> None:
  """Writes what the job needs into a folder."""
  parts = experiment()
  source = parts.dataset.train
  everything = np.arange(len(source.labels))
  (pixels,) = source.images([everything])
  for name, values in {
    "pixels": pixels,
    "labels": source.labels,
    "pool": parts.splits.pool,
    "labelled": parts.splits.labelled,
  }.items():
    np.save(folder / f"{name}.npy", values)
  (folder / "config.json").write_text(parts.config.to_json())


def _config() -> ConfigDict:
  spec = importlib.util.spec_from_file_location(_FILE.stem, _FILE)
  if spec is None or spec.loader is None:
    raise ImportError(f"Cannot load {_FILE}.")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.get_config()


if __name__ == "__main__":
  write(pathlib.Path(sys.argv[1]))
