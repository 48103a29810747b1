"""The JSON files beside weights, by which other libraries know a network.

They say what names and shapes do not: strides, activation, preparation of
images. What our models and preparation cannot express is refused.
"""

import json
from collections.abc import Mapping
from typing import Any

from etils import epath

from suncet_jax.convert import hugging_face, timm_config
from suncet_jax.convert.descriptions import (
  CONFIG,
  LIBRARY_FILES,
  PROCESSOR,
  descriptions,
)
from suncet_jax.convert.fields import Fields
from suncet_jax.convert.weights import ConvertError, Images, Weights
from suncet_jax.files import storage


def completed(path: epath.Path, weights: Weights, *, is_known: bool) -> Weights:
  """Returns weights with the preparation of images that is beside their file.

  Args:
    path: File of the weights; only those of a library's own name count.
    weights: Weights in it.
    is_known: Whether this package wrote the file, and the images of `weights`
      are those of its metadata.

  Raises:
    ConvertError: If a JSON file is damaged, or says what is not supported.
  """
  if path.name not in LIBRARY_FILES:
    return weights
  config = _read(path.parent / CONFIG)
  found: Images | None
  if timm_config.is_timms(config):
    layout, file = "timm", config
    found = timm_config.images(config, weights)
  else:
    layout, file = "huggingface", _read(path.parent / PROCESSOR)
    weights = hugging_face.checked(config, weights)
    found = hugging_face.images(file, weights.images.channels)
  if found is None or (is_known and _is_ours(layout, file, weights)):
    return weights
  return weights._replace(images=found, tells_images=True)


def _read(path: epath.Path) -> Fields:
  if not path.exists():
    return Fields(path, {})
  try:
    content = json.loads(storage.read(path))
  except (ValueError, OSError) as error:
    raise ConvertError(f"{path} is no JSON file: {error}.") from error
  if not isinstance(content, Mapping):
    raise ConvertError(f"{path} holds no JSON object.")
  return Fields(path, content)


def _is_ours(layout: str, found: Fields, weights: Weights) -> bool:
  """Returns whether a file says nothing else than this package writes.

  Metadata is more exact than such a file can be.
  """
  written = descriptions(weights, layout)[found.path.name]
  return _agrees(found.content, written)


def _agrees(found: Any, written: Any) -> bool:
  """Returns whether all fields that both have are the same."""
  if isinstance(found, Mapping) and isinstance(written, Mapping):
    return all(_agrees(found[k], written[k]) for k in found.keys() & written)
  return found == written
