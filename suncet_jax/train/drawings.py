"""Images that a method's own networks draw, for people to look at."""

from typing import NamedTuple

import jax
import numpy as np

from suncet_jax.train.experiment import Experiment
from suncet_jax.train.state import TrainState


class Drawings(NamedTuple):
  """Rows of images; none of a method without such networks.

  Attributes:
    images: Images, uint8 [rows, columns, h, w, c].
    titles: Title of each row.
  """

  images: np.ndarray
  titles: list[str]


def drawings_of(experiment: Experiment, state: TrainState) -> Drawings:
  """Returns what the networks of a state draw; needs no other process.

  Args:
    experiment: Experiment whose method has the networks.
    state: Trained state, whose averages draw if it has any.
  """
  params, batch_stats = jax.device_get(state.encoder)
  shown = experiment.method.pictures(
    params,
    batch_stats,
    experiment.example,
    jax.random.key(experiment.config.seed),
  )
  pixels = [np.asarray(images) for images in shown.values()]
  rows = np.stack(pixels) if pixels else np.zeros((0, 0, 0, 0, 1))
  images = np.rint(np.clip(rows, 0, 1) * 255).astype(np.uint8)
  return Drawings(images, list(shown))
