"""Our own names of tensors in a file, from which nothing has to be guessed.

params/backbone/stem/conv/kernel    batch_stats/backbone/stem/norm/mean
kept/pred.fc1.weight                (tensors that the model has no place for)
classifier/kernel                   (a classifier on the encoder)
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from suncet_jax.console.words import fault_list
from suncet_jax.convert.model_fields import completed
from suncet_jax.convert.pytorch_names import shapes_of
from suncet_jax.convert.recognise import Network
from suncet_jax.convert.weights import (
  FORMAT,
  Classifier,
  ConvertError,
  Weights,
  digest_of,
  from_metadata,
  is_statistic,
)

_PARAMS, _STATISTICS, _KEPT = "params/", "batch_stats/", "kept/"
_CLASSIFIER = "classifier/"


def to_tensors(weights: Weights) -> dict[str, np.ndarray]:
  """Returns the tensors of a file of our own by name."""
  named = {_name(path): x for path, x in weights.leaves.items()}
  named |= {_KEPT + name: x for name, x in weights.kept.items()}
  if weights.classifier is not None:
    arrays = weights.classifier.arrays
    named |= {_CLASSIFIER + name: x for name, x in arrays.items()}
  return named


def is_ours(metadata: Mapping[str, str]) -> bool:
  """Returns whether a file has our own names.

  Raises:
    ConvertError: If its metadata is damaged.
  """
  content = from_metadata(metadata)
  return content is not None and content["layout"] == FORMAT


def from_tensors(
  tensors: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> Weights:
  """Returns the weights in the tensors of a file of our own.

  Raises:
    ConvertError: If tensors are missing, unexpected or of another shape.
  """
  content = from_metadata(metadata)
  assert content is not None
  model = completed(content["model"])
  has_head = any(name.startswith(f"{_PARAMS}head/") for name in tensors)
  expected = shapes_of(
    Network(FORMAT, "", content["images"].channels, model, has_head)
  )
  names = {_name(path): path for path in expected}
  _check(
    {name: expected[path] for name, path in names.items()},
    {
      name: x
      for name, x in tensors.items()
      if not name.startswith((_KEPT, _CLASSIFIER))
    },
  )
  weights = Weights(
    model=model,
    precision=content["precision"],
    images=content["images"],
    leaves={path: tensors[name] for name, path in names.items()},
    kept=_below(_KEPT, tensors),
    origin=content["origin"],
    tells_images=True,
  )
  if "classifier" not in content:
    return weights
  return _with_classifier(
    weights, content["classifier"], _below(_CLASSIFIER, tensors)
  )


def _with_classifier(
  weights: Weights, about: Mapping[str, Any], arrays: dict[str, np.ndarray]
) -> Weights:
  """Returns weights with the classifier of their file.

  Raises:
    ConvertError: If its metadata or a bit of any array is damaged.
  """
  try:
    made = Classifier(
      kind=about["kind"],
      classes=tuple(about["classes"]),
      arrays=arrays,
      head_layers=about["head_layers"],
      temperature=about["temperature"],
      about=about["about"],
    )
    digest = about["digest"]
  except (KeyError, TypeError) as error:
    raise ConvertError(
      f"its metadata of the classifier is damaged: {error!r}."
    ) from error
  found = weights._replace(classifier=made)
  if digest_of(found) != digest:
    raise ConvertError(
      "its tensors do not have the digest that its metadata names: the file is "
      "damaged. Take another copy, or export it again."
    )
  return found


def _below(
  prefix: str, tensors: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
  """Returns the tensors whose names begin with a prefix, without it."""
  return {
    name.removeprefix(prefix): x
    for name, x in tensors.items()
    if name.startswith(prefix)
  }


def _name(path: tuple[str, ...]) -> str:
  return (_STATISTICS if is_statistic(path) else _PARAMS) + "/".join(path)


def _check(
  expected: Mapping[str, tuple[int, ...]], found: Mapping[str, np.ndarray]
) -> None:
  missing = [name for name in expected if name not in found]
  unexpected = [name for name in found if name not in expected]
  misshapen = [
    f"{name} {x.dtype}{list(x.shape)} (expected float32{list(expected[name])})"
    for name, x in found.items()
    if name in expected and (x.shape != expected[name] or x.dtype != np.float32)
  ]
  faults = fault_list(
    {
      "missing": missing,
      "unexpected": unexpected,
      "of another shape or dtype": misshapen,
    }
  )
  if faults:
    raise ConvertError(
      "its tensors are not those of the model that its metadata names:\n"
      f"{faults}"
    )
