"""A run that is interrupted in any way ends as if it had not been."""

import csv
import json
import signal

import pytest
import running

_TIMES = {"seconds", "images_per_second", "input_wait_share"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
  return tmp_path_factory.mktemp("compiled")


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
  """The rows of metrics.csv without the columns that tell the time."""
  with (workdir / "metrics.csv").open() as file:
    return [
      {name: value for name, value in row.items() if name not in _TIMES}
      for row in csv.DictReader(file)
    ]


def _interrupt(workdir, cache, text, number):
  """Starts or goes on, and sends a signal once `text` is printed."""
  process = running.start(
    "suncet_jax.main", *running.SMALL, f"--workdir={workdir}", cache=cache
  )
  seen = running.wait_for(process, text)
  process.send_signal(number)
  rest, _ = process.communicate(timeout=120)
  return process.returncode, seen + rest


def _flip_a_bit_of_the_newest_checkpoint(workdir):
  steps = [p for p in (workdir / "checkpoints").iterdir() if p.name.isdigit()]
  newest = max(steps, key=lambda p: int(p.name))
  files = [f for f in (newest / "state").rglob("*") if f.is_file()]
  largest = max(files, key=lambda f: f.stat().st_size)
  data = bytearray(largest.read_bytes())
  data[len(data) // 2] ^= 1
  largest.write_bytes(data)
  return newest.name


def test_no_interruption_and_no_damage_changes_a_bit(
  tmp_path, uninterrupted, cache
):
  code, _ = _interrupt(tmp_path, cache, "step 8/27", signal.SIGKILL)
  assert code == -signal.SIGKILL

  code, output = _interrupt(tmp_path, cache, "step 10/27", signal.SIGTERM)
  assert code == 0, output
  assert "SIGTERM received" in output
  assert "Run the same command again to go on." in output

  code, output = _interrupt(tmp_path, cache, "step 18/27", signal.SIGINT)
  assert code == 130, output
  assert "SIGINT received" in output

  damaged = _flip_a_bit_of_the_newest_checkpoint(tmp_path)
  code, output = _interrupt(tmp_path, cache, "Evaluating", signal.SIGTERM)
  assert code == 0, output
  assert f"checkpoint of step {damaged}" in output
  assert "Going on from step" in output
  assert "SIGTERM received: stopped" in output
  assert not (tmp_path / "result.json").exists()

  code, output = running.run(
    "suncet_jax.main", *running.SMALL, f"--workdir={tmp_path}", cache=cache
  )
  assert code == 0, output
  assert "Going on from step 27" in output
  ours, theirs = _result(tmp_path), _result(uninterrupted)
  assert ours["params_digest"] == theirs["params_digest"]
  assert ours["metrics"] == theirs["metrics"]
  assert _history(tmp_path) == _history(uninterrupted)


def test_a_finished_folder_prints_its_result_again(uninterrupted, cache):
  before = (uninterrupted / "result.json").read_bytes()
  code, output = running.run(
    "suncet_jax.main", *running.SMALL, f"--workdir={uninterrupted}", cache=cache
  )
  assert code == 0, output
  assert "is complete" in output
  assert _result(uninterrupted)["params_digest"] in output
  assert (uninterrupted / "result.json").read_bytes() == before


def test_another_configuration_is_refused(uninterrupted, cache):
  code, output = running.run(
    "suncet_jax.main",
    *running.SMALL,
    "--config.optim.peak_lr=0.123",
    f"--workdir={uninterrupted}",
    cache=cache,
  )
  assert code == 2
  assert "optim.peak_lr: 0.3 -> 0.123" in output
  assert "Traceback" not in output


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
