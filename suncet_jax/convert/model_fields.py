"""The fields of a model in a file of weights, and the model of them."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from suncet_jax import models
from suncet_jax.architectures import CLIP_NETWORKS, MLP
from suncet_jax.config import base
from suncet_jax.convert.weights import ConvertError

# Those of `config.model.head`. A head of a method may have others of `MLP`,
# which are there only where they are not the default.
HEAD_FIELDS = ("layers", "hidden", "out", "batch_norm", "output_batch_norm")
_FURTHER = ("activation", "input_batch_norm", "unit_inputs", "use_bias")


def head_fields(head: Mapping[str, Any]) -> dict[str, Any]:
  """Returns what a head computes of the fields of an `MLP`, without its start.

  Args:
    head: Fields by name; old checkpoints have fewer.
  """
  usual = MLP._field_defaults
  further = {
    name: head[name]
    for name in _FURTHER
    if head.get(name, usual[name]) != usual[name]
  }
  return {name: head[name] for name in HEAD_FIELDS} | further


def image_fields(config: ConfigDict) -> dict[str, Any]:
  """Returns fields of `config.model` without those of networks of clips.

  Of these there are no files of weights.
  """
  return {k: x for k, x in config.to_dict().items() if k not in CLIP_NETWORKS}


def completed(model: Mapping[str, Any]) -> dict[str, Any]:
  """Returns fields of a model, with defaults for those that a file lacks.

  Raises:
    ConvertError: If a field of the head is of a later version.
  """
  further = {k: x for k, x in model["head"].items() if k not in HEAD_FIELDS}
  unknown = sorted(further.keys() - set(_FURTHER))
  if unknown:
    raise ConvertError(
      f"its metadata names the head's {', '.join(unknown)}: update suncet_jax."
    )
  config = base().model
  config.update(ConfigDict({**model, "head": _plain(model["head"])}))
  fields = image_fields(config)
  fields["head"] |= further
  return fields


def build(model: Mapping[str, Any], precision: str = "float32") -> models.Model:
  """Builds the model of fields as `completed` returns them."""
  config = ConfigDict({**model, "head": _plain(model["head"])})
  heads = {"projection": MLP(**model["head"])}
  return models.build(config, precision, heads=heads)


def _plain(head: Mapping[str, Any]) -> dict[str, Any]:
  return {name: x for name, x in head.items() if name in HEAD_FIELDS}
