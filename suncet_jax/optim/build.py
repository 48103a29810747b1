"""The optimiser that a configuration describes."""

import optax
from ml_collections import ConfigDict

from suncet_jax.optim.adaptive import is_matrix, larc, lars, mask_of
from suncet_jax.optim.depth import by_depth
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
    "adapted": is_matrix if optim.exclude_bias_and_norm else None,
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
  if optim.layer_decay != 1 or optim.frozen_blocks:
    last = by_depth(
      layer_decay=optim.layer_decay, frozen_blocks=optim.frozen_blocks
    )
    made = optax.chain(made, last)
  return made, schedule
