"""Adapters alone: a small file beside the weights that they were made for.

adapters/block1/attention/qkv/kernel/down    (and up; adapters/scale)
batch_stats/backbone/stem/norm/mean          (statistics move in training)
"""

import json
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from etils import epath
from flax.traverse_util import flatten_dict, unflatten_dict

from suncet_jax import lora
from suncet_jax.convert import tensor_files
from suncet_jax.convert.source import Source
from suncet_jax.convert.weights import ADAPTERS, ConvertError, Weights

_BACKBONE = "backbone"
_STATISTICS = "batch_stats"


def write(
  path: epath.PathLike,
  variables: tuple[Mapping[str, Any], Mapping[str, Any]],
  *,
  weights: str,
  sha256: str,
) -> None:
  """Writes the adapters of a run, and the statistics of its backbone.

  Args:
    path: File, .safetensors.
    variables: Nested dicts (params, batch_stats) of the run, by part.
    weights: Weights that the run started from, by the name that it was given.
    sha256: SHA-256 of these weights.

  Raises:
    ConvertError: If the file cannot be written.
  """
  params, batch_stats = variables
  tree = {
    lora.PART: params[lora.PART],
    _STATISTICS: {_BACKBONE: batch_stats[_BACKBONE]},
  }
  tensors = flatten_dict(jax.device_get(tree), sep="/")
  about = {"version": 1, "weights": weights, "sha256": sha256}
  tensor_files.write(
    path,
    {name: np.asarray(x, np.float32) for name, x in tensors.items()},
    {ADAPTERS: json.dumps(about)},
  )


def added(source: Source, path: epath.PathLike) -> Weights:
  """Returns weights with the adapters of a file added to the backbone.

  Args:
    source: Weights that they were made for; heads are left.
    path: File that `write` has made.

  Raises:
    ConvertError: If it is another file, or these are other weights.
  """
  file = tensor_files.read(path)
  if ADAPTERS not in file.metadata:
    raise ConvertError(f"{path} holds no adapters of a run.")
  about = json.loads(file.metadata[ADAPTERS])
  if about["sha256"] != source.sha256:
    raise ConvertError(
      f"{path} goes with weights of the SHA-256 {about['sha256']} "
      f"({about['weights']}), but these have {source.sha256}."
    )
  tree = unflatten_dict(file.tensors, sep="/")
  backbone = source.weights.variables[0][_BACKBONE]
  _check(path, backbone, tree[lora.PART])
  whole = {_BACKBONE: lora.merged(backbone, tree[lora.PART])}
  leaves = flatten_dict(whole) | flatten_dict(tree.get(_STATISTICS, {}))
  return source.weights._replace(
    leaves={p: np.asarray(x, np.float32) for p, x in leaves.items()}
  )


def _check(
  path: epath.PathLike, params: Mapping[str, Any], found: Mapping[str, Any]
) -> None:
  """Raises an error if adapters do not fit the kernels."""
  kernels, factors = flatten_dict(params), flatten_dict(found)
  odd = []
  for place in {place[:-1] for place in factors if place[-1] == "down"}:
    down, up = factors[*place, "down"], factors[*place, "up"]
    shape = np.shape(kernels.get(place, 0))
    if shape[-1:] != up.shape[1:] or np.prod(shape[:-1]) != down.shape[0]:
      odd.append(f"{'/'.join(place)} {list(shape)}")
  if odd:
    raise ConvertError(
      f"{path} does not fit {', '.join(sorted(odd))}: the run read images of "
      "other channels than the weights are of, or they are of another network. "
      "Export the run's folder instead, whose checkpoint is whole."
    )
