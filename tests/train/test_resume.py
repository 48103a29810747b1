"""A finished run: what its folder holds, what the same command does there.

Runs that are interrupted are in tests/faults.
"""

import csv
import json

import pytest
import running


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, cache):
  folder = tmp_path_factory.mktemp("uninterrupted")
  code, output = running.run(
    "suncet_jax.main",
    *running.SMALL,
    "--workdir=runs/small",  # relative, as in the README
    "--config.log.tensorboard=True",
    cache=cache,
    cwd=folder,
  )
  assert code == 0, output
  return folder / "runs" / "small"


def _result(workdir):
  return json.loads((workdir / "result.json").read_text())


def _history(workdir):
  """The rows of metrics.csv."""
  with (workdir / "metrics.csv").open() as file:
    return list(csv.DictReader(file))


def test_a_finished_folder_prints_its_result_again(uninterrupted, cache):
  before = (uninterrupted / "result.json").read_bytes()
  code, output = running.run(
    "suncet_jax.main", *running.SMALL, f"--workdir={uninterrupted}", cache=cache
  )
  assert code == 0, output
  assert "is complete" in output
  assert _result(uninterrupted)["params_digest"] in output
  assert (uninterrupted / "result.json").read_bytes() == before


def test_a_checkpoint_is_evaluated_again(uninterrupted, cache):
  code, output = running.run(
    "suncet_jax.evaluate",
    f"--workdir={uninterrupted}",
    "--evals=knn,linear",
    cache=cache,
  )
  assert code == 0, output
  metrics = json.loads((uninterrupted / "evaluations-27.json").read_text())
  assert metrics["knn_top1"] == _result(uninterrupted)["metrics"]["knn_top1"]
  assert metrics.keys() == {"knn_top1", "linear_top1"}
  assert "linear probe" in output


def test_the_result_has_what_the_contract_says(uninterrupted):
  result = _result(uninterrupted)
  assert result.keys() == {
    "step",
    "images_seen",
    "epochs",
    "seconds",
    "params_digest",
    "metrics",
    "config_fingerprint",
    "versions",
  }
  assert result["step"] == 27
  assert result["epochs"] == 3
  # Per step 128 images and 10 classes x 5 labelled ones, each in two views.
  assert result["images_seen"] == 27 * 2 * (128 + 50)
  assert 0 <= result["metrics"]["knn_top1"] <= 1
  for name in ("config.json", "metrics.csv", "report.html", "checkpoints"):
    assert (uninterrupted / name).exists(), name


def test_tensorboard_shows_the_same(uninterrupted):
  from tensorboard.backend.event_processing import event_accumulator
  from tensorboard.util import tensor_util

  events = event_accumulator.EventAccumulator(
    str(uninterrupted), size_guidance={"tensors": 0}
  )
  events.Reload()
  measured = {
    event.step: tensor_util.make_ndarray(event.tensor_proto).item()
    for event in events.Tensors("val_knn_top1")
  }
  assert measured == {
    int(row["step"]): pytest.approx(float(row["val_knn_top1"]))
    for row in _history(uninterrupted)
    if row["val_knn_top1"]
  }
  assert {"loss", "suncet", "learning_rate"} <= set(events.Tags()["tensors"])


def test_the_history_has_what_is_promised(uninterrupted):
  last = _history(uninterrupted)[-1]
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
