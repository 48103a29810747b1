"""Weights that a training may start from: a backbone, and heads by name."""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from etils import epath

from suncet_jax.convert import files, run
from suncet_jax.convert.descriptions import weights_file
from suncet_jax.convert.weights import ConvertError, Leaves, Weights
from suncet_jax.files import storage
from suncet_jax.files.paths import expanded

# Of a file, which says no name.
ANY_HEAD = ""


class Source(NamedTuple):
  """What was read.

  Attributes:
    weights: Weights of the backbone, with all that is known of the file.
    heads: Leaves of the heads by name, `ANY_HEAD` for that of a file; their
      paths begin with "head".
    sha256: SHA-256 of the file, or of a run's arrays, 64 hexadecimal digits.
  """

  weights: Weights
  heads: Mapping[str, Leaves]
  sha256: str


def read(path: epath.PathLike, network: str = "") -> Source:
  """Reads weights to start from; nothing is ever unpickled.

  Args:
    path: Folder of a run, or file or folder that `files.read` reads.
    network: Network of a file with several, as `files.read` takes its part.

  Raises:
    ConvertError: If there are no weights, or they are damaged or of an unknown
      layout.
  """
  path = expanded(path)
  file = weights_file(path) if path.is_dir() else path
  if file is None and run.is_run(path):
    if network:
      raise ConvertError(
        f"{path} is a run, which has one network: drop --part={network}."
      )
    weights, heads = run.read_with_heads(path)
    return Source(weights, heads, _sha256(weights, heads))
  weights = files.read(path, part=network)
  head = {p: x for p, x in weights.leaves.items() if p[0] == "head"}
  content = storage.read(file if file is not None else path)
  return Source(
    weights._replace(
      leaves={p: x for p, x in weights.leaves.items() if p not in head}
    ),
    {ANY_HEAD: head} if head else {},
    hashlib.sha256(content).hexdigest(),
  )


def _sha256(weights: Weights, heads: Mapping[str, Leaves]) -> str:
  """Returns the SHA-256 of all arrays with their names."""
  digest = hashlib.sha256()
  for name, leaves in sorted({"backbone": weights.leaves, **heads}.items()):
    for path, leaf in sorted(leaves.items()):
      digest.update(repr((name, path, leaf.shape)).encode())
      digest.update(np.ascontiguousarray(leaf).tobytes())
  return digest.hexdigest()
