"""The optimiser that a configuration describes."""

from typing import Any

import jax
import optax
from ml_collections import ConfigDict

from suncet_jax import lora
from suncet_jax.architectures import part_name
from suncet_jax.optim.adaptive import (
  Predicate,
  is_matrix,
  larc,
  lars,
  mask_of,
)
from suncet_jax.optim.depth import by_depth, on_trained
from suncet_jax.optim.parts import by_part
from suncet_jax.optim.schedules import schedule_of


def make_optimizer(
  config: ConfigDict, steps_per_epoch: int
) -> tuple[optax.GradientTransformation, optax.Schedule]:
  """Builds the optimiser that `config.optim` describes.

  Args:
    config: The whole configuration; `optim` and `train.epochs` are read.
    steps_per_epoch: Number of steps for one pass over the unlabelled pool.

  Returns:
    Optimiser, and its schedule from step to learning rate; that of parts with
    another one is not told.
  """
  optim, epochs = config.optim, config.train.epochs

  def made_of(settings: ConfigDict) -> optax.GradientTransformation:
    return _transformation(
      settings, schedule_of(settings, epochs, steps_per_epoch)
    )

  made = made_of(optim)
  if optim.parts:
    made = by_part(
      made,
      {
        part_name(part): made_of(ConfigDict({**optim, **differing}))
        for part, differing in optim.parts.items()
      },
    )
  if optim.lora_rank:
    made = on_trained(made, frozen_blocks=optim.frozen_blocks)
  if optim.layer_decay != 1 or optim.frozen_blocks:
    last = by_depth(
      layer_decay=optim.layer_decay, frozen_blocks=optim.frozen_blocks
    )
    made = optax.chain(made, last)
  return made, schedule_of(optim, epochs, steps_per_epoch)


def _transformation(
  optim: ConfigDict, schedule: optax.Schedule
) -> optax.GradientTransformation:
  """Returns the optimiser that `optim.name` says, without `optim.parts`."""
  options = {
    "weight_decay": optim.weight_decay,
    "momentum": optim.momentum,
    "nesterov": optim.nesterov,
    "adapted": _adapted(optim),
  }
  match optim.name:
    case "lars":
      return lars(
        schedule,
        trust_coefficient=optim.trust_coefficient,
        lr_in_momentum=optim.lr_in_momentum,
        **options,
      )
    case "larc":
      return larc(
        schedule, trust_coefficient=optim.trust_coefficient, **options
      )
    case "adamw":
      return optax.adamw(
        schedule,
        weight_decay=optim.weight_decay,
        mask=mask_of(options["adapted"]),
        **_moments(optim),
      )
    case "adam":
      last = optax.adam(schedule, **_moments(optim))
    case _:
      last = optax.sgd(
        schedule, momentum=optim.momentum, nesterov=optim.nesterov
      )
  mask = mask_of(options["adapted"])
  return optax.chain(
    optax.add_decayed_weights(optim.weight_decay, mask=mask), last
  )


def _moments(optim: ConfigDict) -> dict[str, Any]:
  """Returns what Adam and AdamW share."""
  return {
    "b1": optim.momentum,
    "b2": optim.second_momentum,
    "eps": optim.epsilon,
    "nesterov": optim.nesterov,
  }


def _adapted(optim: ConfigDict) -> Predicate | None:
  """Returns which parameters decay, and are scaled by their norms; None: all.

  Adapters are not: one of the two begins as zero, whose norm says nothing of
  the kernel.
  """
  usual = is_matrix if optim.exclude_bias_and_norm else None
  if not optim.lora_rank:
    return usual

  def predicate(path: tuple[Any, ...], leaf: jax.Array) -> bool:
    is_usual = usual is None or usual(path, leaf)
    return is_usual and path[0].key != lora.PART

  return predicate
