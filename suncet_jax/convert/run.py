"""Reads the encoder of a run's folder, without its data set."""

import contextlib
import math
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from absl import logging
from etils import epath
from ml_collections import ConfigDict

from suncet_jax import lora
from suncet_jax.architectures import CLIP_NETWORKS, TRANSFORMERS, part_name
from suncet_jax.config import ConfigError, from_dict, validate
from suncet_jax.config.data_fields import OTHER_VIEWS
from suncet_jax.convert.model_fields import head_fields, image_fields
from suncet_jax.convert.weights import (
  ConvertError,
  Images,
  Leaves,
  Weights,
)
from suncet_jax.workdir.checkpoint_store import Store
from suncet_jax.workdir.folder import FolderError, RunFolder

# A classifier takes the projection's place where there is no projection.
_HEADS = ("projection", "logits")
CLASSIFIER_FILE = "classifier.safetensors"
ADAPTERS_FILE = "adapters.safetensors"
_ANY_METHOD = "simclr"
_STEMS = (("stem", "conv"), ("stem_conv",))  # of ResNets, of WideResNets


def is_run(folder: epath.Path) -> bool:
  """Returns whether a folder is that of a run."""
  return (folder / "config.json").exists() and (folder / "checkpoints").exists()


def read(folder: epath.PathLike, part: str = "") -> Weights:
  """Reads the newest intact checkpoint of a run, with all digests verified.

  Args:
    folder: Folder of the run, finished or not, local or gs://.
    part: Name of the head to read beside the backbone; empty: the projection,
      or the classifier without one.

  Returns:
    Weights that the run evaluates: the averaged ones, if there are any.

  Raises:
    ConvertError: If there is no checkpoint, or none that matches config.json,
      or no such head on the features.
  """
  run = RunFolder(folder)
  config, variables, described = _opened(run)
  heads = described["heads"]
  name = _head_name(run, heads, part)
  weights = gathered(
    config,
    variables,
    channels=described["channels"],
    head=(name, heads[name]) if name else None,
  )
  parts = {"backbone", *map(part_name, heads)}
  return weights._replace(
    left_out=[
      *(
        f"head {other}" + (f" (--part={other})" if _is_first(head) else "")
        for other, head in heads.items()
        if other != name
      ),
      *(f"network {other}" for other in variables[0] if other not in parts),
    ],
  )


def read_with_heads(
  folder: epath.PathLike,
) -> tuple[Weights, dict[str, Leaves]]:
  """Reads the backbone, and all heads by name, like `read`.

  Args:
    folder: Folder of the run, finished or not, local or gs://.

  Returns:
    Weights without a head, and the leaves of each head, whose paths begin with
    "head".

  Raises:
    ConvertError: If there is no checkpoint, or none that matches config.json.
  """
  config, variables, described = _opened(RunFolder(folder))
  weights = gathered(
    config, variables, channels=described["channels"], head=None
  )
  return weights, {
    name: _leaves(variables, {part_name(name): "head"})
    for name in described["heads"]
  }


def gathered(
  config: ConfigDict,
  variables: tuple[Mapping[str, Any], Mapping[str, Any]],
  *,
  channels: int,
  head: tuple[str, Mapping[str, Any]] | None,
) -> Weights:
  """Gathers the weights of a run's encoder.

  Args:
    config: Configuration of the run.
    variables: Nested dicts (params, batch_stats) of backbone and heads.
    channels: Number of channels of the images.
    head: Name and fields of the head to take beside the backbone, if any.
  """
  model = image_fields(config.model)
  backbone = variables[0]["backbone"]
  if model["name"] in TRANSFORMERS:
    model["vit"]["image_size"] = _image_size(model, backbone["positions"])
  kept = {"backbone": "backbone"}
  if head is not None:
    name, fields = head
    kept[part_name(name)] = "head"
    model["head"] = head_fields(fields)
  return Weights(
    model=model,
    # float64 is for tests; files of weights do not have it.
    precision=config.precision.replace("64", "32"),
    images=_images(config, channels),
    leaves=_leaves(variables, kept),
    tells_images=True,
  )


def _leaves(
  variables: tuple[Mapping[str, Any], Mapping[str, Any]],
  kept: Mapping[str, str],
) -> Leaves:
  """Returns the leaves of some parts, whose paths begin with a new name."""
  return {
    (kept[path[0].key], *(entry.key for entry in path[1:])): np.asarray(
      leaf, np.float32
    )
    for tree in variables
    for path, leaf in jax.tree.leaves_with_path(tree)
    if path[0].key in kept
  }


def _image_size(model: Mapping[str, Any], positions: Any) -> int:
  """Returns the size of the images that position embeddings are of."""
  tokens = positions.shape[1] - (model["vit"]["pool"] == "class")
  return TRANSFORMERS[model["name"]].patch * math.isqrt(tokens)


def classifier_file(folder: epath.Path) -> epath.Path:
  """Returns the file of the classifier that a finished run has kept.

  Raises:
    ConvertError: If there is none; the message says why.
  """
  path = folder / CLASSIFIER_FILE
  if path.exists():
    return path
  result = RunFolder(folder).finished_result()
  if result is None:
    raise ConvertError(
      f"{folder} is not finished, and a classifier is kept at the end: run the "
      "command that began it again, and it goes on."
    )
  reason = result.get("classifier", {}).get("none")
  if reason:
    raise ConvertError(f"{folder} has no classifier: {reason}")
  raise ConvertError(
    f"{folder} has no {CLASSIFIER_FILE}: it was finished by an earlier version,"
    " or the file was removed. It is made again by python -m "
    f"suncet_jax.evaluate --workdir={folder}."
  )


def _head_name(run: RunFolder, heads: Mapping[str, Any], part: str) -> str:
  """Returns the name of the head to read; empty if there is none."""
  first = [name for name, head in heads.items() if _is_first(head)]
  if not part:
    return next((name for name in _HEADS if name in first), "")
  if part in first:
    return part
  why = "there is no such head"
  if part in heads:
    why = f"it is a head of the head {heads[part]['of']!r}"
  raise ConvertError(
    f"{run.path} holds one encoder, of which --part={part} would name the head"
    f" to read, but {why}; expected one on the features: {', '.join(first)}."
  )


def _is_first(head: Mapping[str, Any]) -> bool:
  """Returns whether the input of a head is the features."""
  return head.get("of", "features") == "features"


def _opened(
  run: RunFolder,
) -> tuple[ConfigDict, tuple[Any, Any], dict[str, Any]]:
  """Returns configuration, (params, batch_stats) and what the model is."""
  config, method = _config(run)
  if config.model.name in CLIP_NETWORKS:
    raise ConvertError(
      f"{run.path}: {config.model.name} is a network of clips, and weights "
      "are read of networks of images alone. python -m suncet_jax.evaluate "
      "measures what such a run has learnt."
    )
  params, batch_stats, metadata = _newest(run)
  described = metadata.get("model") or _described(config, method, params)
  return config, (params, batch_stats), described


def _newest(run: RunFolder) -> tuple[Any, Any, dict[str, Any]]:
  """Returns (params, batch_stats, metadata) of the newest intact checkpoint."""
  try:
    with (
      _quiet(),
      contextlib.closing(
        Store(run.checkpoints, keep=1, keep_every_steps=0, read_only=True)
      ) as store,
    ):
      found = store.newest_parts(("params", "batch_stats", "average"))
  except (ValueError, FileNotFoundError) as error:
    raise ConvertError(f"{run.path}: {error}") from error
  if found is None:
    raise ConvertError(f"{run.path} holds no checkpoint yet.")
  parts, metadata = found
  params, batch_stats = parts.get("average") or (
    parts["params"],
    # No array of it is saved of a network without batch norms.
    parts.get("batch_stats", {}),
  )
  return lora.whole(params), batch_stats, metadata


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """Suppresses the warnings of Orbax about a read-only store, not errors."""
  verbosity = logging.get_verbosity()
  logging.set_verbosity(logging.ERROR)
  try:
    yield
  finally:
    logging.set_verbosity(verbosity)


def _config(run: RunFolder) -> tuple[ConfigDict, str]:
  """Returns the configuration, of another method, and the method's name.

  An encoder is used without its method. That may be of a module which is not
  here, and to import what a file names would run code of whoever wrote it.
  """
  try:
    values = run.config()
    # Nor is what the run itself started from, whose heads are the method's.
    dropped = (*OTHER_VIEWS, "init")
    kept = {k: v for k, v in values.items() if k not in dropped}
    config = from_dict({**kept, "method": {"name": _ANY_METHOD}})
    config.evals.final = ()  # some suit methods with certain heads only
    config.optim.lora_rank = 0  # which goes with what it started from
    config.optim.parts = {}  # some are networks of the method
    validate(config)
    return config, values["method"]["name"]
  except (FolderError, ConfigError, ValueError, KeyError, TypeError) as error:
    raise ConvertError(f"{run.path}: {error}") from error


def _described(
  config: ConfigDict, method: str, params: Mapping[str, Any]
) -> dict[str, Any]:
  """Returns the metadata of the model that old checkpoints lack (< 0.2)."""
  backbone, head = params["backbone"], dict(config.model.head)
  if method == "supervised":
    classes = params["head"]["dense1"]["kernel"].shape[-1]
    head |= {"layers": 1, "out": classes, "output_batch_norm": False}
  stem = next(path for path in _STEMS if path[0] in backbone)
  for name in stem:
    backbone = backbone[name]
  return {
    "channels": backbone["kernel"].shape[2],
    "heads": {"projection": head},
  }


def _images(config: ConfigDict, channels: int) -> Images:
  """Returns the preparation of images in the run's evaluation."""
  data, augment = config.data, config.augment
  are_files = data.source == "folder" or data.reading != "memory"
  return Images(
    channels=channels,
    size=data.centre_crop if are_files else augment.size,
    resize=data.resize if are_files else 0,
    mean=tuple(augment.mean),
    std=tuple(augment.std),
    evaluated=config.evals.image_size,
  )
