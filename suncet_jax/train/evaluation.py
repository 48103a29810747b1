"""Evaluates a state: features by index, the final measures, kNN on the way."""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np

from suncet_jax.data.augment import to_float
from suncet_jax.data.source import Source
from suncet_jax.devices.mesh import RowPlacement, replicated
from suncet_jax.evals.accuracy import topk_accuracy
from suncet_jax.evals.embed import embed
from suncet_jax.evals.knn import knn_scores
from suncet_jax.evals.linear import linear_probe
from suncet_jax.evals.rank import rankme
from suncet_jax.evals.soft_nn import soft_nn_scores
from suncet_jax.models import Outputs
from suncet_jax.train.experiment import Experiment
from suncet_jax.train.finetuning import finetune_on_labels
from suncet_jax.train.state import TrainState


class Embedding(NamedTuple):
  """What an encoder makes of n images.

  Attributes:
    features: Of the backbone, float32 [n, f].
    projection: Of the head, float32 [n, d].
  """

  features: np.ndarray
  projection: np.ndarray


class Evaluator:
  """Measures how well the labelled images classify other images.

  Validation images serve the measures during training; their labels are never
  trained on, nor are they themselves unless `data.validation.in_pool`. Test
  images are only read by `evaluate` and the report.
  """

  def __init__(self, experiment: Experiment) -> None:
    """Compiles nothing yet."""
    self._experiment = experiment
    self._config = experiment.config.evals
    self._labels = experiment.dataset.train.labels
    self._batch_size = _round_up(self._config.batch_size, experiment.mesh.size)
    self._placement = RowPlacement(experiment.mesh, self._batch_size)
    self._embedded: tuple[TrainState, Embedding, Embedding] | None = None
    self._predicted: dict[str, tuple[TrainState, np.ndarray]] = {}
    sharding = replicated(experiment.mesh)
    self._apply = jax.jit(self._features, out_shardings=sharding)

  def embed(
    self, state: TrainState, source: Source, indices: np.ndarray
  ) -> Embedding:
    """Embeds images, each exactly once.

    Args:
      state: The encoder.
      source: Where the images are.
      indices: Which of them, int [n].

    Returns:
      Their features and projections.
    """
    return Embedding(
      *self._over(lambda images: self._apply(state, images), source, indices)
    )

  def validate(self, state: TrainState) -> dict[str, float]:
    """Measures a state on the validation images.

    Returns:
      `val_knn_top1` in [0, 1]: the labelled images classify by weighted kNN;
      `rankme`: effective rank of the projections.
    """
    splits = self._experiment.splits
    bank = self._bank(state)
    queries = self.embed(
      state, self._experiment.dataset.train, splits.validation
    )
    labels = self._labels[splits.validation]
    return {
      "val_knn_top1": topk_accuracy(self._knn(bank, queries), labels).top1,
      "rankme": rankme(queries.projection),
    }

  def evaluate(self, state: TrainState, name: str) -> dict[str, float]:
    """Measures a state on the test images.

    Args:
      state: What to measure.
      name: "knn", "soft_nn", "linear" or "finetune".

    Returns:
      Accuracies in [0, 1] by name, e.g. `knn_top1`.
    """
    test = self._experiment.dataset.test
    if name == "finetune":
      accuracy = topk_accuracy(self._finetuned_scores(state), test.labels)
      return {"finetune_top1": accuracy.top1, "finetune_top5": accuracy.top5}
    scores = {
      "knn": self._knn,
      "soft_nn": self._soft_nn,
      "linear": self._linear,
    }[name](*self._bank_and_test(state))
    self._predicted[name] = state, np.asarray(scores).argmax(axis=1)
    return {f"{name}_top1": topk_accuracy(scores, test.labels).top1}

  def predictions(self, state: TrainState) -> tuple[str, np.ndarray]:
    """Returns what the test images are taken for.

    Args:
      state: The encoder.

    Returns:
      How: "linear probe" where `evaluate` has trained it on this state, else
      "kNN"; and the class of each test image, int [n].
    """
    for name, words in (("linear", "linear probe"), ("knn", "kNN")):
      if name in self._predicted and self._predicted[name][0] is state:
        return words, self._predicted[name][1]
    self.evaluate(state, "knn")
    return "kNN", self._predicted["knn"][1]

  def test_features(self, state: TrainState) -> np.ndarray:
    """Returns features of all test images, float32 [n, f]."""
    return self._bank_and_test(state)[1].features

  def _features(self, state: TrainState, images: jax.Array) -> Outputs:
    outputs, _ = self._experiment.model.apply(
      *state.encoder,
      self._prepared(images),
      train=False,
    )
    return outputs

  def _prepared(self, images: jax.Array) -> jax.Array:
    """Returns images [b, h, w, c] as the network takes them."""
    size = self._config.image_size
    return to_float(images, self._experiment.augmentation, size=size)

  def _over(
    self,
    apply: Callable[[jax.Array], Any],
    source: Source,
    indices: np.ndarray,
  ) -> Any:
    """Applies a function of device images to all images, on the devices."""
    placement = self._placement
    return embed(
      lambda images: apply(placement.put(images[placement.rows])),
      self._batches(source, indices),
      batch_size=self._batch_size,
    )

  def _batches(
    self, source: Source, indices: np.ndarray
  ) -> Iterator[np.ndarray]:
    """Yields images in batches; rows of other processes are black."""
    batches = [
      indices[i : i + self._batch_size]
      for i in range(0, len(indices), self._batch_size)
    ]
    rows = self._placement.rows
    mine = [rows[rows < len(batch)] for batch in batches]
    requests = (batch[own] for batch, own in zip(batches, mine, strict=True))
    for images, batch, own in zip(
      source.images(requests), batches, mine, strict=True
    ):
      if len(own) < len(batch):
        whole = np.zeros((len(batch), *images.shape[1:]), images.dtype)
        whole[own] = images
        images = whole
      yield images

  def _bank(self, state: TrainState) -> Embedding:
    return self.embed(
      state, self._experiment.dataset.train, self._experiment.splits.labelled
    )

  def _bank_and_test(self, state: TrainState) -> tuple[Embedding, Embedding]:
    """Embeds labelled and test images, once for all measures of a state."""
    if self._embedded is None or self._embedded[0] is not state:
      test = self._experiment.dataset.test
      every = np.arange(test.labels.size)
      self._embedded = (
        state,
        self._bank(state),
        self.embed(state, test, every),
      )
    return self._embedded[1:]

  @property
  def _bank_labels(self) -> np.ndarray:
    return self._labels[self._experiment.splits.labelled]

  def _knn(self, bank: Embedding, queries: Embedding) -> jax.Array:
    return knn_scores(
      queries.features,
      bank.features,
      self._bank_labels,
      class_count=self._experiment.class_count,
      k=self._config.knn.k,
      temperature=self._config.knn.temperature,
    )

  def _soft_nn(self, bank: Embedding, queries: Embedding) -> jax.Array:
    # Of the projections, as in facebookresearch/suncet's evaluation.
    return soft_nn_scores(
      queries.projection,
      bank.projection,
      self._bank_labels,
      class_count=self._experiment.class_count,
      temperature=self._config.soft_nn.temperature,
    )

  def _linear(self, bank: Embedding, queries: Embedding) -> jax.Array:
    settings = self._config.linear
    probe = linear_probe(
      bank.features,
      self._bank_labels,
      class_count=self._experiment.class_count,
      epochs=settings.epochs,
      batch_size=settings.batch_size,
      learning_rate=settings.learning_rate,
      weight_decay=settings.weight_decay,
      seed=self._experiment.config.seed,
    )
    return probe.scores(queries.features)

  def _finetuned_scores(self, state: TrainState) -> np.ndarray:
    """Fine-tunes on the labelled images; returns logits of the test images."""
    experiment = self._experiment
    tuned = finetune_on_labels(experiment, state)
    replicate = jax.jit(lambda x: x, out_shardings=replicated(experiment.mesh))
    test = experiment.dataset.test
    return self._over(
      lambda images: replicate(tuned.predict(self._prepared(images))),
      test,
      np.arange(test.labels.size),
    )


def _round_up(count: int, multiple: int) -> int:
  return math.ceil(count / multiple) * multiple
