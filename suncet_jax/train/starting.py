"""What a run starts from: weights that were there before, or nothing."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from flax.traverse_util import unflatten_dict
from ml_collections import ConfigDict

from suncet_jax.console.words import shorten
from suncet_jax.convert import source
from suncet_jax.convert.layouts import COUNTER
from suncet_jax.convert.weights import Leaves, Weights, is_statistic
from suncet_jax.devices.processes import (
  arrays_from_first,
  is_first,
  value_from_first,
)
from suncet_jax.errors import UserError
from suncet_jax.models.model import Example, Model, part_name
from suncet_jax.train import fitting, normalization
from suncet_jax.train.monitor import print_once


@dataclasses.dataclass(frozen=True)
class Start:
  """Weights that a run starts from, fitted to its model.

  Attributes:
    params: Parameters of the parts that are taken, by part; {}: none.
    batch_stats: Statistics of the same parts.
    about: What was taken, drawn anew and left over, as JSON values; {} for a
      run that starts from nothing.
  """

  params: Any = dataclasses.field(default_factory=dict)
  batch_stats: Any = dataclasses.field(default_factory=dict)
  about: Mapping[str, Any] = dataclasses.field(default_factory=dict)

  @property
  def variables(self) -> tuple[Any, Any]:
    """(params, batch_stats) of the parts that are taken."""
    return self.params, self.batch_stats


def read(config: ConfigDict, model: Model, image_shape: Example) -> Start:
  """Reads `config.init.weights` on process 0; all get the same bits.

  Args:
    config: Validated configuration.
    model: Model of the run.
    image_shape: Shape of the views, (h, w, c); a tree for clips.

  Returns:
    The start; one from nothing without weights.

  Raises:
    UserError: If the weights cannot be read, or do not fit model or images.
  """
  if not config.init.weights:
    return Start()
  if not isinstance(image_shape, tuple):
    raise UserError(
      f"init.weights is {config.init.weights!r}, but networks of clips start "
      "from random numbers: leave it empty."
    )
  wanted = fitting.template(model, image_shape)
  parts = {part_name(name) for name in config.init.parts}
  leaves = {
    path: np.zeros(x.shape, x.dtype)
    for path, x in wanted.leaves.items()
    if path[0] in parts
  }
  about: dict[str, Any] = {}
  problem = ""
  if is_first():
    try:
      leaves, about = _read(config, wanted, image_shape[-1])
    except (UserError, OSError) as error:
      problem = f"--config.init.weights={config.init.weights}: {error}"
  problem, about = value_from_first((problem, about))
  if problem:
    raise UserError(_in_fields(problem))
  made = _nested(arrays_from_first(leaves))
  # A part without norms has statistics, too: none.
  params, batch_stats = ({p: tree.get(p, {}) for p in parts} for tree in made)
  return Start(params, batch_stats, about)


def settled(config: ConfigDict, start: Start) -> ConfigDict:
  """Returns a configuration with what the weights tell: digest, mean, std.

  Args:
    config: Configuration of the run.
    start: What it starts from.
  """
  if not start.about:
    return config
  made = config.copy_and_resolve_references()
  made.init.sha256 = start.about["sha256"]
  made.augment.mean = tuple(start.about["mean"])
  made.augment.std = tuple(start.about["std"])
  return made


def show(about: Mapping[str, Any]) -> None:
  """Prints on process 0 what a run starts from.

  Args:
    about: `Start.about`.
  """
  if not about:
    return
  taken = (
    f"{name} ({count} tensors)" for name, count in about["taken"].items()
  )
  print_once(
    f"Starting from {about['weights']} ({about['names']}; SHA-256 "
    f"{about['sha256'][:16]}...)\n"
    f"  taken: {', '.join(taken)}\n"
    f"  drawn anew: {', '.join(about['drawn']) or 'nothing'}\n"
    f"  left over: {shorten(about['left_over'], 10) or 'nothing'}"
    + "".join(f"\n  {words}" for words in about["changes"])
  )


def _read(
  config: ConfigDict, wanted: fitting.Template, channels: int
) -> tuple[Leaves, dict[str, Any]]:
  init = config.init
  found = source.read(init.weights, init.network)
  if init.sha256 and found.sha256 != init.sha256:
    raise UserError(
      f"its SHA-256 is {found.sha256}, but init.sha256 is {init.sha256}: the "
      "file is another one than is meant, or was changed."
    )
  leaves, changes = fitting.fitted(found, init.parts, wanted, config.model)
  mean, std, words = normalization.of(found.weights, channels, config.augment)
  return leaves, {
    "weights": init.weights,
    "sha256": found.sha256,
    "names": _names(found.weights),
    "model": dict(found.weights.model),
    "taken": {
      name: sum(path[0] == part_name(name) for path in leaves)
      for name in init.parts
    },
    "drawn": _drawn(wanted, init.parts),
    "left_over": _left_over(found, init.parts),
    "changes": [*changes, words],
    "mean": list(mean),
    "std": list(std),
  }


def _names(weights: Weights) -> str:
  """Returns words for the names in a file."""
  origin = weights.origin
  return origin.get("names") or origin.get("layout") or "names of suncet_jax"


def _drawn(wanted: fitting.Template, parts: tuple[str, ...]) -> list[str]:
  """Returns the parts of the model that are drawn anew."""
  names = {part_name("projection"): "projection"}
  taken = {part_name(name) for name in parts}
  every = dict.fromkeys(path[0] for path in wanted.leaves)
  return [names.get(part, part) for part in every if part not in taken]


def _left_over(found: source.Source, parts: tuple[str, ...]) -> list[str]:
  """Returns what the weights hold that no part of the model gets."""
  weights, heads = found.weights, found.heads
  unused = [name for name in heads if name not in parts]
  has_any = len(parts) == 1 + ("backbone" in parts)
  if source.ANY_HEAD in unused and has_any:
    unused.remove(source.ANY_HEAD)
  return [
    *(f"head {name}" if name else "projection head" for name in unused),
    *(name for name in weights.kept if not name.endswith(COUNTER)),
    *weights.left_out,
    *(["classifier"] if weights.classifier is not None else []),
  ]


def _nested(leaves: Leaves) -> tuple[dict[str, Any], dict[str, Any]]:
  """Returns nested dicts (params, batch_stats)."""
  kinds: tuple[Leaves, Leaves] = {}, {}
  for path, leaf in leaves.items():
    kinds[is_statistic(path)][path] = leaf
  params, batch_stats = map(unflatten_dict, kinds)
  return params, batch_stats


def _in_fields(text: str) -> str:
  """Returns a message of the converter with fields in place of its flags."""
  for flag in ("--part", "--wrapper"):
    text = text.replace(flag, "--config.init.network")
  return text
