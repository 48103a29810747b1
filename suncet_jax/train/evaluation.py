"""Evaluation of a state: on validation images during training, then on test."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from suncet_jax import plugins
from suncet_jax.data.source import Source
from suncet_jax.devices.mesh import replicated
from suncet_jax.errors import UserError
from suncet_jax.evals.accuracy import topk_accuracy
from suncet_jax.evals.finetune import FineTuned
from suncet_jax.evals.protocols import knn, linear
from suncet_jax.evals.protocols.base import Embedding
from suncet_jax.evals.rank import rankme
from suncet_jax.train.experiment import Experiment
from suncet_jax.train.finetuning import finetune_on_labels
from suncet_jax.train.passes import Passes
from suncet_jax.train.soft_nn_finetuning import soft_nn_finetune_on_labels
from suncet_jax.train.state import TrainState

# Evaluations whose predictions the report may show, by preference.
_PREDICTORS = ("classifier", "linear", "knn")


class Evaluator:
  """Evaluates the states of an experiment.

  Validation images serve the measures during training; their labels are never
  trained on, nor are they themselves unless `data.validation.in_pool`. Test
  images are only read by `evaluate` and the report.
  """

  def __init__(self, experiment: Experiment) -> None:
    """Prepares to evaluate; compiles on first use.

    Args:
      experiment: Experiment whose states are evaluated.
    """
    self._experiment = experiment
    size = experiment.config.evals.batch_size
    self._passes = Passes(experiment.mesh, size)
    self._evaluated: StateUnderTest | None = None
    sharding = replicated(experiment.mesh)
    self._apply = jax.jit(self._encode, out_shardings=sharding)

  def validate(self, state: TrainState) -> dict[str, float]:
    """Measures a state on the validation images.

    Returns:
      `val_knn_top1`: Accuracy in [0, 1] of weighted kNN with the labelled
      images as neighbours; `val_classifier_top1`: That of the method's own
      classifier, if it has one; `rankme`: Effective rank of the projections.
    """
    pipeline = self._experiment.pipeline
    queries = self.embed(state, pipeline.train, pipeline.splits.validation)
    votes = knn.scores(StateUnderTest(self, state), queries.features)
    measures = {
      "val_knn_top1": topk_accuracy(votes, queries.labels).top1,
      "rankme": rankme(queries.projection),
    }
    if queries.logits is not None:
      found = topk_accuracy(queries.logits, queries.labels)
      measures["val_classifier_top1"] = found.top1
    return measures

  def evaluate(
    self, state: TrainState, name: str, *, on_validation: bool = False
  ) -> dict[str, float]:
    """Measures a state on the test images.

    Args:
      state: State to measure.
      name: Name of an evaluation, such as "knn"; see `plugins.evaluations`.
      on_validation: Whether to measure on the validation images instead.

    Returns:
      Accuracies in [0, 1] by name, e.g. `knn_top1`.
    """
    seen = self.under_test(state, on_validation=on_validation)
    return plugins.evaluations()[name].run(seen)

  def under_test(
    self, state: TrainState, *, on_validation: bool = False
  ) -> "StateUnderTest":
    """Returns a state with its cached embeddings.

    Args:
      state: State to measure.
      on_validation: Whether validation images take the place of test images.

    Returns:
      The same object as before as long as the same state is asked for, so that
      evaluations share the embeddings.
    """
    known = self._evaluated
    if (
      known is None
      or known.state is not state
      or known.on_validation != on_validation
    ):
      known = StateUnderTest(self, state, on_validation=on_validation)
      self._evaluated = known
    return known

  def embed(
    self, state: TrainState, source: Source, indices: np.ndarray
  ) -> Embedding:
    """Embeds images, each exactly once.

    Args:
      state: State whose encoder embeds.
      source: Source of the images.
      indices: Indices of the images in the source, int [n].

    Returns:
      Features, projections and logits of the images.
    """
    features, projection, logits, measured = self._passes.over(
      lambda images: self._apply(state, images), source, indices
    )
    labels = source.labels[indices]
    return Embedding(features, projection, labels, logits, measured)

  def finetuned_scores(
    self, tuned: FineTuned, source: Source, indices: np.ndarray
  ) -> np.ndarray:
    """Returns the logits that a fine-tuned network gives, float32 [n, c].

    Args:
      tuned: The network.
      source: Source of the images.
      indices: Indices of the images in the source, int [n].
    """
    replicate = jax.jit(
      lambda x: x, out_shardings=replicated(self._experiment.mesh)
    )
    return self._passes.over(
      lambda images: replicate(tuned.predict(self._prepared(images))),
      source,
      indices,
    )

  def soft_nn_finetuned(self, state: TrainState) -> TrainState:
    """Fine-tunes by SuNCEt on the labelled images; returns the new state."""
    return soft_nn_finetune_on_labels(self._experiment, state, self._prepared)

  @property
  def experiment(self) -> Experiment:
    """The experiment whose states are evaluated."""
    return self._experiment

  def _encode(self, state: TrainState, images: Any) -> tuple[Any, ...]:
    outputs, _ = self._experiment.model.apply(
      *state.encoder, self._prepared(images), train=False
    )
    features = outputs["features"]
    # Nothing else is fetched: outputs may be as large as the images.
    return (
      features,
      outputs.get("projection", features),
      outputs.get("logits"),
      self._experiment.method.measured(outputs),
    )

  def _prepared(self, images: Any) -> Any:
    """Returns images [b, h, w, c], or clips, as the network wants them."""
    return self._experiment.views["view"].plain(images)


class StateUnderTest:
  """A state with its embeddings, computed once: a `Context` of evaluations.

  Attributes:
    state: State to measure.
    config: `config.evals`.
    seed: Seed of the run.
    class_count: Number of classes.
    on_validation: Whether validation images take the place of test images.
  """

  def __init__(
    self,
    evaluator: Evaluator,
    state: TrainState,
    *,
    on_validation: bool = False,
  ) -> None:
    """Stores the parts; embeddings are computed on first use.

    Args:
      evaluator: Evaluator that embeds.
      state: State to measure.
      on_validation: Whether validation images take the place of test images.
    """
    experiment = evaluator.experiment
    self.on_validation = on_validation
    self.state, self._evaluator = state, evaluator
    self._pipeline = experiment.pipeline
    self.config, self.seed = experiment.config.evals, experiment.config.seed
    self.class_count = experiment.pipeline.class_count
    self._predicted: dict[str, np.ndarray] = {}
    self._made: dict[str, Any] = {}

  @property
  def _every_test(self) -> tuple[Source, np.ndarray]:
    """Source and indices of what takes the place of test images."""
    pipeline = self._pipeline
    return (
      pipeline.every_validation if self.on_validation else pipeline.every_test
    )

  @functools.cached_property
  def bank(self) -> Embedding:
    """The labelled training images, embedded."""
    pipeline = self._pipeline
    return self._evaluator.embed(
      self.state, pipeline.train, pipeline.splits.labelled
    )

  @functools.cached_property
  def test(self) -> Embedding:
    """The test images, embedded."""
    return self._evaluator.embed(self.state, *self._every_test)

  @functools.cached_property
  def validation(self) -> Embedding:
    """The validation images, embedded."""
    return self._evaluator.embed(self.state, *self._pipeline.every_validation)

  def truth(self, name: str) -> np.ndarray:
    """Returns what is known of the test clips; see `Context`."""
    source, rows = self._every_test
    known = getattr(source, "truth", {})
    if name not in known:
      raise UserError(
        f"Nothing is known of the {name} of these images: take the evaluations "
        "that need it out of evals.final."
      )
    return np.asarray(known[name])[rows]

  def once(self, name: str, make: Callable[[], Any]) -> Any:
    """Returns what `make` returns, made once for this state; see `Context`."""
    self._made[name] = self._made[name] if name in self._made else make()
    return self._made[name]

  @property
  def finetuned(self) -> FineTuned:
    """The network that was fine-tuned on the labelled images."""
    is_probed = self.config.finetune.start == "probe"
    start = linear.fitted(self).on_features() if is_probed else None
    arguments = self._evaluator.experiment, self.state, start
    return self.once("finetune", lambda: finetune_on_labels(*arguments))

  def finetuned_scores(self) -> np.ndarray:
    """Fine-tunes on the labelled images; returns logits of the test images."""
    return self.finetuned_scores_of(*self._every_test)

  def finetuned_scores_of(
    self, source: Source, indices: np.ndarray
  ) -> np.ndarray:
    """Fine-tunes likewise; returns logits of any images of a source."""
    return self._evaluator.finetuned_scores(self.finetuned, source, indices)

  def soft_nn_finetuned(self) -> tuple[Embedding, Embedding]:
    """Fine-tunes by SuNCEt; returns what `bank` and `test` are then."""
    tuned = self._evaluator.soft_nn_finetuned(self.state)
    seen = StateUnderTest(
      self._evaluator, tuned, on_validation=self.on_validation
    )
    return seen.bank, seen.test

  def accuracy(
    self, name: str, scores: Any, *, top: tuple[int, ...] = (1,)
  ) -> dict[str, float]:
    """Returns accuracies of scores on the test images; see `Context`."""
    self._predicted[name] = np.asarray(scores).argmax(axis=1)
    source, rows = self._every_test
    found = topk_accuracy(scores, source.labels[rows])
    among = {1: found.top1, 5: found.top5}
    return {f"{name}_top{k}": among[k] for k in top}

  def predictions(self) -> tuple[str, np.ndarray]:
    """Returns the predicted classes of the test images.

    Returns:
      Title of the classifier (the method's own if it has one, else "linear
      probe" if it was evaluated, else "kNN") and the predicted class of each
      test image, int [n].
    """
    has_own = self.test.logits is not None
    if has_own or not any(name in self._predicted for name in _PREDICTORS):
      plugins.evaluations()["classifier" if has_own else "knn"].run(self)
    name = next(name for name in _PREDICTORS if name in self._predicted)
    return plugins.evaluations()[name].title, self._predicted[name]
