"""The optimiser that a configuration describes."""

from typing import Any

import jax
import optax
from ml_collections import ConfigDict

from suncet_jax import lora
from suncet_jax.optim.adaptive import (
  Predicate,
  is_matrix,
  larc,
  lars,
  mask_of,
)
from suncet_jax.optim.depth import by_depth, on_trained
from suncet_jax.optim.schedules import schedule_of


def make_optimizer(
  config: ConfigDict, steps_per_epoch: int
) -> tuple[optax.GradientTransformation, optax.Schedule]:
  """Builds the optimiser that `config.optim` describes.

  Args:
    config: The whole configuration; `optim` and `train.epochs` are read.
    steps_per_epoch: Number of steps for one pass over the unlabelled pool.

  Returns:
    Optimiser, and its schedule from step to learning rate.
  """
  optim = config.optim
  schedule = schedule_of(config, steps_per_epoch)
  options = {
    "weight_decay": optim.weight_decay,
    "momentum": optim.momentum,
    "nesterov": optim.nesterov,
    "adapted": _adapted(optim),
  }
  match optim.name:
    case "lars":
      made = lars(
        schedule,
        trust_coefficient=optim.trust_coefficient,
        lr_in_momentum=optim.lr_in_momentum,
        **options,
      )
    case "larc":
      made = larc(
        schedule, trust_coefficient=optim.trust_coefficient, **options
      )
    case "adamw":
      made = optax.adamw(
        schedule,
        b1=optim.momentum,
        b2=optim.second_momentum,
        eps=optim.epsilon,
        weight_decay=optim.weight_decay,
        mask=mask_of(options["adapted"]),
        nesterov=optim.nesterov,
      )
    case _:
      made = optax.chain(
        optax.add_decayed_weights(
          optim.weight_decay, mask=mask_of(options["adapted"])
        ),
        optax.sgd(schedule, momentum=optim.momentum, nesterov=optim.nesterov),
      )
  if optim.lora_rank:
    made = on_trained(made, frozen_blocks=optim.frozen_blocks)
  if optim.layer_decay != 1 or optim.frozen_blocks:
    last = by_depth(
      layer_decay=optim.layer_decay, frozen_blocks=optim.frozen_blocks
    )
    made = optax.chain(made, last)
  return made, schedule


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
