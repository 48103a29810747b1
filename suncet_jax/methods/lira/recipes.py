"""LiRA's numbers on each data set, with their sources."""

from typing import Any

from suncet_jax.methods.lira.spec import NETWORK

EPOCHS = {"clips": 75, "mouths": 30}


def clips(config: Any) -> None:
  """Sets what the same group's later public code has, mpc001/auto_avsr.

  Grey mouths of 96 x 96 pixels at 25 frames a second, windows of 88 x 88 pixels
  and mirror images, AdamW with betas 0.9 and 0.98, a rate of 1e-3 after 5
  epochs of warm-up, a cosine, decay 0.03, 75 epochs. Of LiRA itself only its
  parts are known: target, distance, sizes, batch, epochs and the data that it
  was trained on are not, and these numbers are no claim about them.
  """
  config.model.name = NETWORK
  clips = config.data.clips
  clips.frames, clips.size, clips.channels = 75, 96, 1
  config.clip.size = 88
  config.clip.mean, config.clip.std = (0.421,), (0.165,)
  config.clip.audio_norm, config.clip.audio_limit = "band", 5.0
  _adamw(config, 1e-3, 0.03)
  config.optim.warmup_epochs = min(5.0, config.train.epochs / 10)


def mouths(config: Any) -> None:
  """Sets a small network for clips that are made in code.

  Chosen here for two CPU cores, on other seeds than docs/results.md reports.
  """
  config.model.name = NETWORK
  config.model.lira.update(
    planes=8, depths=(1, 1), width=64, hidden=128, blocks=2, kernel=7
  )
  config.clip.audio_norm, config.clip.audio_limit = "band", 5.0
  _adamw(config, 3e-3, 1e-2)
  config.optim.warmup_epochs = min(1.0, config.train.epochs / 10)
  evals = config.evals
  evals.linear.epochs, evals.linear.learning_rate = 300, 1.0
  # The rate is for 256 clips: 2e-3 for 50.
  evals.finetune.update(epochs=100, optimizer="adamw", learning_rate=1e-2)


def shapes(config: Any) -> None:
  """Sets the same for sounding shapes."""
  mouths(config)


def _adamw(config: Any, rate: float, decay: float) -> None:
  optim = config.optim
  optim.name, optim.second_momentum = "adamw", 0.98
  optim.peak_lr, optim.weight_decay = rate, decay
