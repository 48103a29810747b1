"""Arguments of an evaluation."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np


class Embedding(NamedTuple):
  """Outputs of an encoder for n images, float32, with the labels.

  Attributes:
    features: Outputs of the backbone, [n, f].
    projection: Outputs of the projection head, which the losses are computed
      of, [n, d]; the features where the method has no projection head.
    labels: Class of each image, int32 [n].
    logits: Outputs of the method's own classifier, its head "logits", [n, c];
      None where it has none.
    measured: What the method returns for evaluations of its own, by name.
  """

  features: np.ndarray
  projection: np.ndarray
  labels: np.ndarray
  logits: np.ndarray | None = None
  measured: Mapping[str, np.ndarray] = {}


class Context(Protocol):
  """A trained state and the images to measure it on.

  Everything is computed on first use, once for all evaluations.

  Attributes:
    config: Fields of `config.evals`.
    seed: Seed of the run.
    class_count: Number of classes.
    bank: Embedding of the labelled training images.
    test: Embedding of the test images.
  """

  config: Any
  seed: int
  class_count: int

  @property
  def bank(self) -> Embedding:
    """Embedding of the labelled training images."""
    ...

  @property
  def test(self) -> Embedding:
    """Embedding of the test images."""
    ...

  def truth(self, name: str) -> np.ndarray:
    """Returns what is known of test clips that were made in code, n rows.

    Args:
      name: Name in the `truth` of the source.

    Raises:
      ValueError: If nothing of that name is known.
    """
    ...

  def once(self, name: str, make: Callable[[], Any]) -> Any:
    """Returns what `make` returns, made once for the state.

    Args:
      name: Name of the evaluation that makes it.
      make: Function without arguments, such as one that trains a probe.
    """
    ...

  def finetuned_scores(self) -> np.ndarray:
    """Fine-tunes on the labelled images; returns logits of the test images."""
    ...

  def soft_nn_finetuned(self) -> tuple[Embedding, Embedding]:
    """Fine-tunes by SuNCEt; returns what `bank` and `test` are then."""
    ...

  def accuracy(
    self, name: str, scores: Any, *, top: tuple[int, ...] = (1,)
  ) -> dict[str, float]:
    """Returns the fraction of test images that are classified right.

    Args:
      name: Name of the evaluation.
      scores: Scores of the test images, [n, c].
      top: Numbers of likeliest classes that may contain the right one: 1, 5.

    Returns:
      Fractions in [0, 1] by name, `<name>_top<k>`.
    """
    ...
