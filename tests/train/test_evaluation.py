"""Evaluation of a state: the classifier that a method has trained itself."""

import jax
import numpy as np
import pytest
import tiny

from suncet_jax.config import ConfigError, base, validate
from suncet_jax.evals.accuracy import topk_accuracy
from suncet_jax.train.evaluation import Evaluator


@pytest.fixture(scope="module")
def supervised():
  """An evaluator, and a state whose averaged classifier alone is good."""
  parts = tiny.experiment(
    **{"train.ema_decay": 0.9, "data.validation.per_class": 4}
  )
  state = parts.initial_state()
  evaluator = Evaluator(parts)
  seen = evaluator.under_test(state).test
  # There are as many features as images: least squares get nearly all right.
  rows = np.c_[seen.features, np.ones(len(seen.features))]
  best, *_ = np.linalg.lstsq(rows, np.eye(4)[seen.labels], rcond=1e-5)
  good = {"dense1": {"kernel": best[:-1], "bias": best[-1]}}
  averaged, statistics = state.average
  average = {**averaged, "logits": jax.tree.map(np.float32, good)}, statistics
  return evaluator, state.replace(average=average)


def _logits(evaluator, params, batch_stats, indices):
  """Returns what the network says of test images, which are the training's."""
  parts = evaluator.experiment
  images = next(parts.pipeline.test.images([indices]))
  assert not parts.config.augment.mean  # nor is anything else done to them
  pixels = images / np.float32(255)
  outputs, _ = parts.model.apply(params, batch_stats, pixels, train=False)
  return np.asarray(outputs["logits"])


def test_it_is_the_head_of_the_averaged_weights(supervised):
  evaluator, state = supervised
  labels = evaluator.experiment.pipeline.test.labels
  every = np.arange(labels.size)
  expected = topk_accuracy(_logits(evaluator, *state.encoder, every), labels)
  measured = evaluator.evaluate(state, "classifier")
  assert measured == {
    "classifier_top1": expected.top1,
    "classifier_top5": expected.top5,
  }
  now = _logits(evaluator, state.params, state.batch_stats, every)
  assert topk_accuracy(now, labels).top1 < 0.5 < expected.top1


def test_validation_images_are_classified_on_the_way(supervised):
  evaluator, state = supervised
  pipeline = evaluator.experiment.pipeline
  chosen = pipeline.splits.validation
  assert 0 < chosen.size < pipeline.test.labels.size
  scores = _logits(evaluator, *state.encoder, chosen)
  measured = evaluator.validate(state)
  right = topk_accuracy(scores, pipeline.train.labels[chosen]).top1
  assert measured["val_classifier_top1"] == right
  assert measured.keys() == {"val_knn_top1", "val_classifier_top1", "rankme"}


def test_the_report_shows_what_it_predicts(supervised):
  evaluator, state = supervised
  seen = evaluator.under_test(state)
  every = np.arange(evaluator.experiment.pipeline.test.labels.size)
  evaluator.evaluate(state, "knn")
  title, predictions = seen.predictions()
  assert title == "classifier"
  np.testing.assert_array_equal(
    predictions, _logits(evaluator, *state.encoder, every).argmax(axis=1)
  )


def test_a_method_without_it_is_measured_as_ever():
  parts = tiny.experiment(method="simclr", **{"data.validation.per_class": 4})
  evaluator, state = Evaluator(parts), parts.initial_state()
  assert evaluator.validate(state).keys() == {"val_knn_top1", "rankme"}
  assert evaluator.under_test(state).test.logits is None
  assert evaluator.under_test(state).predictions()[0] == "kNN"


def test_who_has_a_classifier_evaluates_it_by_default():
  others = ("knn", "soft_nn", "linear", "finetune")
  assert tuple(base("simclr").evals.final) == others
  assert tuple(base("supervised").evals.final) == ("classifier", *others)


@pytest.mark.parametrize(
  ("method", "names", "expected"),
  [
    (
      "simclr",
      ("classifier", "knn"),
      r"evals.final has classifier, which needs the head 'logits' that method "
      r"simclr does not have, expected some of knn, soft_nn, linear, finetune",
    ),
    (
      "supervised",
      ("svm",),
      r"evals.final has svm, expected some of classifier, knn, soft_nn",
    ),
  ],
)
def test_what_a_method_cannot_be_measured_by_is_refused(
  method, names, expected
):
  config, _ = tiny.settings(method=method)
  config.evals.update(every_epochs=0.0, final=names)
  with pytest.raises(ConfigError, match=expected):
    validate(config)
