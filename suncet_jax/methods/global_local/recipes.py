"""Global-Local's numbers on each data set, with their sources."""

from typing import Any

from suncet_jax.methods.global_local.spec import NETWORK

EPOCHS = {"clips": 10, "shapes": 30}
_EVALUATIONS = ("knn", "pointing", "synchrony", "linear")


def clips(config: Any) -> None:
  """Sets the numbers of the public code, yunyikristy/global_local (3be65ea).

  32 frames of 112 x 112 pixels, 96 x 80 numbers of sound, Adam with a constant
  rate of 1e-4, 32 clips, 10 epochs, nothing drawn but the order of clips.
  Embeddings are neither scaled nor divided by a temperature. Unknown, and left
  as they are here: the temperature, the sampling of clips and the augmentation
  of the paper. The code takes each clip's first 32 frames; here their time is
  drawn. It resizes the sound to 96 columns; here there are three per frame,
  for which the sound has 24,000 samples a second. The code divides only the
  mean of the colours by their deviation, a slip that is not repeated.
  """
  config.model.name = NETWORK
  config.data.clips.audio_per_frame = 3
  config.data.clips.sample_rate = 24000
  config.clip.flip_prob = 0.0
  config.clip.mean = (0.485, 0.456, 0.406)
  config.clip.std = (0.229, 0.224, 0.225)
  config.method.normalize, config.method.temperature = False, 1.0
  _adam(config, 1e-4)
  config.optim.final_lr = config.optim.peak_lr
  config.evals.final = ("knn", "synchrony", "linear")


def shapes(config: Any) -> None:
  """Sets small networks and unit vectors for clips that are made in code.

  Chosen here for two CPU cores, on other seeds than docs/results.md reports.
  """
  config.model.name = NETWORK
  config.model.global_local.update(
    slow=16, fast=8, audio=32, depths=(1, 1), slow_every=4, out=64, local_out=32
  )
  _adam(config, 3e-3)
  config.optim.warmup_epochs = min(1.0, config.train.epochs / 10)
  config.evals.final = _EVALUATIONS


def mouths(config: Any) -> None:
  """Sets the same for mouths, of which no region is known."""
  shapes(config)
  config.evals.final = ("knn", "synchrony", "linear")


def _adam(config: Any, rate: float) -> None:
  optim = config.optim
  optim.name, optim.peak_lr, optim.weight_decay = "adamw", rate, 0.0
