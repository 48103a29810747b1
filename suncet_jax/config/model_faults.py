"""Faults in combinations of fields of the model with others."""

from collections.abc import Iterator

from ml_collections import ConfigDict

from suncet_jax.architectures import CLIP_NETWORKS, TRANSFORMERS
from suncet_jax.config.run_fields import MODEL
from suncet_jax.fields import Field, flatten


def network_faults(config: ConfigDict) -> Iterator[str]:
  """Yields faults of fields that some networks alone have, and of sizes.

  Args:
    config: The whole configuration.
  """
  name, source = config.model.name, config.data.source
  own = "vit" if name in TRANSFORMERS else name
  for group in ("vit", *CLIP_NETWORKS):
    if group != own:
      yield from _foreign_faults(config.model, group)
  if name in TRANSFORMERS:
    yield from _size_faults(config, TRANSFORMERS[name].patch)
  # Arrays that are given in Python may be of either kind.
  if source != "arrays" and (name in CLIP_NETWORKS) != (source == "clips"):
    wanted = (
      f"one of {', '.join(CLIP_NETWORKS)}"
      if source == "clips"
      else ("a network of images")
    )
    yield (
      f"model.name is {name!r}, but data.source {source!r} needs {wanted}."
    )
  if name in CLIP_NETWORKS:
    yield from _clip_faults(config)


def _foreign_faults(model: ConfigDict, group: str) -> Iterator[str]:
  """Yields fields of networks that the model is none of."""
  whose = "vision transformers have" if group == "vit" else f"{group} has"
  fields = MODEL[group]
  assert not isinstance(fields, Field)
  for field, declared in flatten(fields).items():
    if (value := model[group][field]) != declared.default:
      yield (
        f"model.{group}.{field} is {value!r}, which only {whose};"
        f" model.name is {model.name!r}: leave {declared.default!r}."
      )


def _clip_faults(config: ConfigDict) -> Iterator[str]:
  """Yields faults of networks of clips."""
  lira = config.model.lira
  if lira.width % lira.heads:
    yield (
      f"model.lira.heads is {lira.heads}, expected a number that divides "
      f"model.lira.width {lira.width}."
    )
  for field in ("frozen_blocks", "frozen_norms"):
    for group in ("optim", "evals.finetune"):
      if value := config[group][field]:
        yield (
          f"{group}.{field} is {value!r}, but networks of clips have no such "
          "order of blocks: leave the default."
        )


def _size_faults(config: ConfigDict, patch: int) -> Iterator[str]:
  sizes = {
    "augment.size": config.augment.size,
    "evals.image_size": config.evals.image_size,
  }
  are_files = config.data.source == "folder" or config.data.reading != "memory"
  if are_files and not config.evals.image_size:
    sizes["data.centre_crop"] = config.data.centre_crop
  if config.multicrop.views:
    sizes["multicrop.size"] = config.multicrop.size
  for field, size in sizes.items():
    if size % patch:
      yield (
        f"{field} is {size}, expected a multiple of {patch}, the patch of"
        f" {config.model.name}."
      )
