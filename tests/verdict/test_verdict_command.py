"""The command: rounds on the digits, from weights and from nothing."""

import json

import pytest
import running

_FLAGS = (
  f"--config={running.ROOT}/configs/digits.py:epochs=2",
  "--config.evals.finetune.epochs=2",
  "--config.evals.linear.epochs=5",
  "--config.evals.every_epochs=0.0",
  "--config.log.tensorboard=False",
  "--labels=5",
  "--seeds=3",
  "--rounds=2",
  "--parallel=2",
)


@pytest.mark.slow
def test_a_verdict_from_start_to_report(tmp_path, cache):
  start = tmp_path / "start"
  digits = f"--config={running.ROOT}/configs/digits.py:method=simclr,epochs=1"
  code, output = running.run(
    "suncet_jax.main", digits, f"--workdir={start}", cache=cache
  )
  assert code == 0, output
  words = (*_FLAGS, f"--weights={start}", "--tried=suncet,supervised")
  folder = tmp_path / "verdict"
  code, output = running.run(
    "suncet_jax.verdict", *words, f"--workdir={folder}", cache=cache
  )
  assert code == 0, output
  assert "Round 1 of 2: 8 candidates, 0.5 of the budget" in output
  assert "Round 2 of 2: 6 candidates, 1 of the budget" in output
  assert "Take " in output
  content = json.loads((folder / "verdict.json").read_text())
  assert len(content["validation"]) == 8
  assert content["chosen"] in content["test"]
  assert len(content["test"]) == 2
  assert (folder / "verdict.html").exists()
  # Test images were looked at for the finalists alone.
  assert len([*folder.glob("*/measures.json")]) == 2
  assert "SimCLR processes in the epochs of --config" in content["budget"]

  code, again = running.run(
    "suncet_jax.verdict", *words, f"--workdir={folder}", cache=cache
  )
  assert code == 0, again
  assert ": started" not in again


@pytest.mark.slow
def test_minutes_are_timed_by_an_epoch(tmp_path, cache):
  words = (*_FLAGS, "--tried=suncet,supervised", "--rounds=1", "--minutes=0.02")
  code, output = running.run(
    "suncet_jax.verdict", *words, f"--workdir={tmp_path / 'v'}", cache=cache
  )
  assert code == 0, output
  assert "Timing: an epoch of 2 candidates" in output
  assert "Each run has 0.02 minutes of training on this machine" in output
  assert "Take " in output


def test_without_validation_images_there_is_no_verdict(tmp_path):
  code, output = running.run(
    "suncet_jax.verdict",
    *_FLAGS,
    "--config.data.validation.per_class=0",
    f"--workdir={tmp_path}",
  )
  assert code == 2
  assert "a verdict is found on validation images" in output
