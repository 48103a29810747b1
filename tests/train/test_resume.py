"""A finished run: what its folder holds, what the same command does there.

Runs that are interrupted are in tests/faults, and compared with this one.
"""

import csv
import json
import shutil

import pytest
import running


def _result(workdir):
  return json.loads((workdir / "result.json").read_text())


def _history(workdir):
  """The rows of metrics.csv."""
  with (workdir / "metrics.csv").open() as file:
    return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def finished(small_run, tmp_path_factory):
  """Returns a copy of that folder."""
  return shutil.copytree(small_run, tmp_path_factory.mktemp("copy") / "small")


def test_a_finished_folder_prints_its_result_again(finished, cache):
  before = (finished / "result.json").read_bytes()
  code, output = running.run(
    "suncet_jax.main", *running.SMALL, f"--workdir={finished}", cache=cache
  )
  assert code == 0, output
  assert "is complete" in output
  assert _result(finished)["params_digest"] in output
  assert (finished / "result.json").read_bytes() == before


def test_a_checkpoint_is_evaluated_again(finished, cache):
  code, output = running.run(
    "suncet_jax.evaluate",
    f"--workdir={finished}",
    "--evals=knn,linear",
    cache=cache,
  )
  assert code == 0, output
  metrics = json.loads((finished / "evaluations-27.json").read_text())
  assert metrics["knn_top1"] == _result(finished)["metrics"]["knn_top1"]
  assert metrics.keys() == {"knn_top1", "linear_top1"}
  assert "linear probe" in output


def test_the_result_has_what_the_contract_says(small_run):
  result = _result(small_run)
  assert result.keys() == {
    "step",
    "images_seen",
    "flops",
    "epochs",
    "seconds",
    "params_digest",
    "metrics",
    "class_count",
    "classifier",
    "config_fingerprint",
    "versions",
  }
  assert result["step"] == 27
  assert result["epochs"] == 3
  assert result["class_count"] == 10
  # Per step 128 images and 10 classes x 4 labelled ones, each in two views.
  assert result["images_seen"] == 27 * 2 * (128 + 40)
  assert 0 <= result["metrics"]["knn_top1"] <= 1
  for name in ("config.json", "metrics.csv", "report.html", "checkpoints"):
    assert (small_run / name).exists(), name


def test_tensorboard_shows_the_same(small_run):
  from tensorboard.backend.event_processing import event_accumulator
  from tensorboard.util import tensor_util

  events = event_accumulator.EventAccumulator(
    str(small_run), size_guidance={"tensors": 0}
  )
  events.Reload()
  measured = {
    event.step: tensor_util.make_ndarray(event.tensor_proto).item()
    for event in events.Tensors("val/knn_top1")
  }
  assert measured == {
    int(row["step"]): pytest.approx(float(row["val_knn_top1"]))
    for row in _history(small_run)
    if row["val_knn_top1"]
  }
  tags = set(events.Tags()["tensors"])
  assert {"train/loss", "train/suncet", "run/images_seen"} <= tags
  assert {tag.partition("/")[0] for tag in tags} == {"train", "val", "run"}


def test_the_history_has_what_is_promised(small_run):
  last = _history(small_run)[-1]
  for name in (
    "loss",
    "ntxent",
    "suncet",
    "learning_rate",
    "contrastive_accuracy",
    "gradient_norm",
    "parameter_norm",
    "alignment",
    "uniformity",
    "val_knn_top1",
    "rankme",
  ):
    assert last[name], name
