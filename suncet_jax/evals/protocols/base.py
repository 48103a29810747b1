"""What an evaluation is given."""

from typing import Any, NamedTuple, Protocol

import numpy as np


class Embedding(NamedTuple):
  """What an encoder makes of n images, float32, with their labels.

  Attributes:
    features: Output of the backbone, [n, f].
    projection: Output of the head that the losses are of, [n, d]; the features
      where the method has no projection head.
    labels: Class of each, int32 [n].
  """

  features: np.ndarray
  projection: np.ndarray
  labels: np.ndarray


class Context(Protocol):
  """A trained state, and the images to measure it on.

  Everything is computed when it is first asked for, once for all evaluations.

  Attributes:
    config: `config.evals`.
    seed: Seed of the run.
    class_count: Number of classes.
    bank: The labelled training images, embedded.
    test: The test images, embedded.
  """

  config: Any
  seed: int
  class_count: int

  @property
  def bank(self) -> Embedding:
    """The labelled training images."""
    ...

  @property
  def test(self) -> Embedding:
    """The test images."""
    ...

  def finetuned_scores(self) -> np.ndarray:
    """Fine-tunes on the labelled images; returns logits of the test images."""
    ...

  def accuracy(
    self, name: str, scores: Any, *, top: tuple[int, ...] = (1,)
  ) -> dict[str, float]:
    """Counts how many test images are classified right.

    Args:
      name: Name of the evaluation.
      scores: Scores of the test images, [n, c].
      top: Among how many of the likeliest classes the right one may be: 1, 5.

    Returns:
      Fractions in [0, 1] by name, `<name>_top<k>`.
    """
    ...
