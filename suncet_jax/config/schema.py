"""Schema of the configuration: fields of all runs and of the method."""

from collections.abc import Mapping
from typing import Any

from ml_collections import ConfigDict

from suncet_jax import plugins
from suncet_jax.config.clip_fields import CLIP
from suncet_jax.config.data_fields import (
  AUGMENT,
  DATA,
  MULTICROP,
  OTHER_VIEWS,
)
from suncet_jax.config.run_fields import (
  CHECKPOINT,
  EVALS,
  FINAL,
  INIT,
  LOG,
  MODEL,
  OPTIM,
  PRECISION,
  SEED,
  TRAIN,
)
from suncet_jax.errors import UserError
from suncet_jax.fields import Field, Fields, defaults

# Until version 0.1 every configuration held these, whatever its method.
_FORMERLY_OF_ALL = frozenset(
  ("temperature", "stop_gradient_keys", "suncet_weight", "supervised_epochs")
)


def base(method: str = "suncet") -> ConfigDict:
  """Returns a configuration with every field set to a neutral default.

  A file in `configs/` starts from it and sets the fields of its data set. Sizes
  of batches are global: over all devices.

  Args:
    method: Name of the method, whose fields `config.method` holds.

  Raises:
    ValueError: If there is no such method.
  """
  return ConfigDict(defaults(all_fields(method)))


def all_fields(method: str) -> Fields:
  """Returns the fields of a configuration, nested in the same way.

  Args:
    method: Name of the method.

  Raises:
    ValueError: If there is no such method.
  """
  spec = plugins.method_spec(method)
  name = Field(
    method, f"Method: {', '.join(plugins.method_names())}, or yours."
  )
  evaluations = plugins.evaluations().items()
  usual = (*FINAL.default, spec.predictor)
  return {
    "seed": SEED,
    "precision": PRECISION,
    "method": {"name": name, **spec.fields},
    "data": DATA,
    "augment": AUGMENT,
    "multicrop": MULTICROP,
    "clip": CLIP,
    **{view: OTHER_VIEWS[view] for view in spec.views},
    "model": MODEL,
    "init": INIT,
    "optim": OPTIM,
    "train": TRAIN,
    "evals": {
      "final": FINAL._replace(
        default=tuple(key for key, _ in evaluations if key in usual)
      ),
      **EVALS,
      **{key: found.fields for key, found in evaluations if found.fields},
    },
    "log": LOG,
    "checkpoint": CHECKPOINT,
  }


def from_dict(values: Mapping[str, Any]) -> ConfigDict:
  """Returns a configuration from nested dicts, such as those of config.json.

  Fields that it does not have yet get their defaults.

  Args:
    values: Configuration of this version or an older one.

  Raises:
    ValueError: If the method or a field is unknown.
  """
  # Defaults of new fields keep the behaviour from before they existed.
  values = upgraded(values)
  config = base(values["method"]["name"])
  try:
    config.lock()  # makes unknown fields an error
    config.update(values)
    config.unlock()
  except (AttributeError, KeyError, TypeError) as error:
    raise UserError(f"The configuration does not fit: {error}") from error
  return config


def upgraded(values: Mapping[str, Any]) -> dict[str, Any]:
  """Returns a stored configuration without fields that were removed since.

  Args:
    values: Configuration as nested dicts, of this version or an older one.
  """
  method = dict(values.get("method", {}))
  if "name" not in method:
    return dict(values)
  own = plugins.method_spec(method["name"]).fields
  for name in _FORMERLY_OF_ALL - own.keys():
    method.pop(name, None)
  return {**values, "method": method}


def default_epochs(method: str, name: str, otherwise: int) -> int:
  """Returns how long a method trains on a data set if nobody says.

  Args:
    method: Name of the method.
    name: Name of the recipe.
    otherwise: Epochs of a method whose recipes.py has none in `EPOCHS`.
  """
  own: Mapping[str, int] = {}
  if plugins.has_part(method, "recipes"):
    module = plugins.method_module(method, "recipes")
    own = getattr(module, "EPOCHS", own)
  return own.get(name, otherwise)


def apply_recipe(config: ConfigDict, name: str) -> None:
  """Sets the method's own numbers for a data set.

  Args:
    config: Configuration to change; its other fields are set already.
    name: Name of the recipe, a function in the method's recipes.py; a method
      without it keeps its defaults.
  """
  method = config.method.name
  if plugins.has_part(method, "recipes"):
    recipe = getattr(plugins.method_module(method, "recipes"), name, None)
    if recipe is not None:
      recipe(config)
