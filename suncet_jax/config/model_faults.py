"""Faults in combinations of fields of the model with others."""

from collections.abc import Iterator

from ml_collections import ConfigDict

from suncet_jax.architectures import TRANSFORMERS
from suncet_jax.config.run_fields import MODEL
from suncet_jax.fields import Field, flatten


def vit_faults(config: ConfigDict) -> Iterator[str]:
  """Yields faults of fields that vision transformers alone have, and of sizes.

  Args:
    config: The whole configuration.
  """
  name = config.model.name
  if name in TRANSFORMERS:
    yield from _size_faults(config, TRANSFORMERS[name].patch)
    return
  group = MODEL["vit"]
  assert not isinstance(group, Field)
  for field, declared in flatten(group).items():
    if (value := config.model.vit[field]) != declared.default:
      yield (
        f"model.vit.{field} is {value!r}, which only vision transformers have;"
        f" model.name is {name!r}: leave {declared.default!r}."
      )


def _size_faults(config: ConfigDict, patch: int) -> Iterator[str]:
  sizes = {
    "augment.size": config.augment.size,
    "evals.image_size": config.evals.image_size,
  }
  if config.multicrop.views:
    sizes["multicrop.size"] = config.multicrop.size
  for field, size in sizes.items():
    if size % patch:
      yield (
        f"{field} is {size}, expected a multiple of {patch}, the patch of"
        f" {config.model.name}."
      )
