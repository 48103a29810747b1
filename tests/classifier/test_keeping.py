"""A finished run keeps the classifier that validation images find the best."""

import json

import classifier_runs
import numpy as np
import pytest
from scipy.special import softmax

from suncet_jax.classifier import Classifier
from suncet_jax.convert import files
from suncet_jax.evals.calibration import calibration
from suncet_jax.train import candidates, evaluation
from suncet_jax.train.evaluation import Evaluator
from suncet_jax.train.keeping import keep_classifier
from suncet_jax.workdir.folder import RunFolder

_FILE = "classifier.safetensors"


def _load(folder):
  path = folder / _FILE
  return Classifier(files.read(path), path, 64)


@pytest.fixture(scope="module")
def parts():
  return classifier_runs.experiment()


@pytest.fixture(scope="module")
def kept(parts, tmp_path_factory):
  """Folder, what is said of its classifier, and the state it is of."""
  folder = tmp_path_factory.mktemp("kept")
  return folder, *classifier_runs.kept(folder, parts)


def test_validation_images_choose_and_calibrate(parts, kept):
  folder, about, _ = kept
  found = about["validation_top1"]
  assert found.keys() == {"classifier", "linear"}
  assert about["kind"] == max(found, key=found.get)
  assert found["linear"] > found["classifier"]  # the state is not trained
  source, rows = parts.pipeline.every_validation
  classify = _load(folder)
  classes, probabilities = classify(source.pixels[rows])
  labels = source.labels[rows]
  right = np.array(classifier_runs.CLASSES)[labels]
  assert (classes == right).mean() == found["linear"]
  assert classify.about["chosen_by"] == about["chosen_by"]
  assert "32 validation images" in about["chosen_by"]
  measured = about["calibration"]["validation"]
  assert measured["nll_after"] < measured["nll_before"]
  assert about["temperature"] == classify.temperature != 1
  after = calibration(np.log(probabilities), labels)
  assert after.nll == pytest.approx(measured["nll_after"], rel=1e-4)
  assert after.ece == pytest.approx(measured["ece_after"], abs=1e-3)


def test_test_images_decide_nothing(kept, tmp_path):
  _, about, _ = kept
  labels = np.roll(np.arange(40) % 4, 1)  # all are wrong now
  other = classifier_runs.experiment(test_labels=labels)
  again, _ = classifier_runs.kept(tmp_path, other)
  for name in ("kind", "chosen_by", "validation_top1", "temperature", "digest"):
    assert again[name] == about[name]
  assert again["calibration"]["test"] != about["calibration"]["test"]


def test_without_validation_images_an_order_decides(tmp_path):
  parts = classifier_runs.experiment(**{"data.validation.per_class": 0})
  about, _ = classifier_runs.kept(tmp_path, parts)
  assert about["kind"] == "classifier"  # the method's own way to classify
  assert about["chosen_by"] == (
    "the first of classifier, linear probe, as there are no validation images"
  )
  assert (about["temperature"], about["calibration"]) == (1.0, {})


@pytest.mark.parametrize(
  ("method", "name", "fields"),
  [
    ("supervised", "classifier", {}),
    ("simclr", "linear", {}),
    ("simclr", "finetune", {}),
    (
      "simclr",
      "finetune",
      {"evals.finetune.first_layers": 1, "model.head.batch_norm": True},
    ),
  ],
)
def test_what_is_kept_is_what_was_measured(method, name, fields, tmp_path):
  fields = {**fields, "evals.final": (name,)}
  parts = classifier_runs.experiment(method, **fields)
  about, seen = classifier_runs.kept(tmp_path, parts)
  logits = candidates.candidates(parts, seen)[name].test()
  expected = softmax(logits / about["temperature"], axis=1)
  classes, probabilities = _load(tmp_path)(parts.pipeline.test.pixels)
  np.testing.assert_allclose(probabilities, expected, rtol=1e-3, atol=1e-5)
  assert set(classes) <= set(classifier_runs.CLASSES)
  assert np.ptp(expected, axis=0).max() > 1e-4  # it tells images apart


def test_a_run_that_goes_on_keeps_the_same_bits(
  parts, kept, tmp_path, monkeypatch
):
  folder, about, seen = kept
  (tmp_path / _FILE).write_bytes((folder / _FILE).read_bytes())
  done = {"classifier_top1": 0.0, "classifier_top5": 0.0, "linear_top1": 0.0}

  def again():
    return keep_classifier(
      parts, RunFolder(tmp_path), Evaluator(parts), seen.state, done
    )

  with monkeypatch.context() as patched:  # nothing is trained again
    patched.setattr(evaluation, "finetune_on_labels", None)
    patched.setattr(candidates.linear, "fitted", None)
    assert again() == about
  for damage in (lambda x: x[:-1], lambda x: x[:-1] + bytes([x[-1] ^ 1])):
    content = (tmp_path / _FILE).read_bytes()
    (tmp_path / _FILE).write_bytes(damage(content))
    assert again() == about
    assert (tmp_path / _FILE).read_bytes() == content
  assert json.loads(json.dumps(about)) == about


def test_evaluations_without_a_classifier_leave_none(tmp_path):
  parts = classifier_runs.experiment(**{"evals.final": ("knn",)})
  about, _ = classifier_runs.kept(tmp_path, parts)
  assert about["none"].endswith(
    "classifier, finetune, linear in --config.evals.final."
  )
  assert not list(tmp_path.iterdir())
