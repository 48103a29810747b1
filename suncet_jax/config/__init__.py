"""Configuration: fields, typed arguments, validation, comparison.

Imports neither JAX nor TensorFlow, so that a faulty configuration is reported
in well under a second, before any accelerator is touched.
"""

from suncet_jax.config.arguments import parse_arg
from suncet_jax.config.files import load_config
from suncet_jax.config.same_run import as_begun, differences, fingerprint
from suncet_jax.config.schema import (
  apply_recipe,
  base,
  default_epochs,
  from_dict,
)
from suncet_jax.config.validation import ConfigError, validate

__all__ = [
  "ConfigError",
  "apply_recipe",
  "as_begun",
  "base",
  "default_epochs",
  "differences",
  "fingerprint",
  "from_dict",
  "load_config",
  "parse_arg",
  "validate",
]
