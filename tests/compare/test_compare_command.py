"""The command: a small comparison, run, interrupted, gone on with, reported."""

import json
import re
import signal

import pytest
import running

_FLAGS = (
  f"--config={running.ROOT}/configs/digits.py:epochs=2",
  "--config.evals.finetune.epochs=2",
  "--config.evals.linear.epochs=5",
  "--config.evals.every_epochs=0.0",
  "--config.log.tensorboard=False",
  "--methods=simclr,suncet",
  "--labels=5",
  "--points=2",
)


def _compare(workdir, cache, *flags):
  """Runs it as one does: from the folder above, with a relative path."""
  return running.run(
    "suncet_jax.compare",
    *_FLAGS,
    f"--workdir={workdir.name}",
    *flags,
    cache=cache,
    cwd=workdir.parent,
  )


@pytest.mark.slow
def test_a_comparison_from_start_to_report(tmp_path, cache, monkeypatch):
  # JAX keeps what took a second to compile, or what takes this long:
  monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
  programs = tmp_path / "programs"
  monkeypatch.setenv("XDG_CACHE_HOME", str(programs))
  code, output = _compare(tmp_path, cache, "--seeds=3", "--parallel=2")
  assert code == 0, output
  assert "simclr: 2 epochs, 1.00 of the budget\n" in output
  assert "suncet: 1 epoch, 0.70 of the budget\n" in output
  assert "2 runs, 0 of them done before" in output
  results = json.loads((tmp_path / "comparison.json").read_text())
  assert [(r["name"], r["labels"]) for r in results] == [
    ("simclr", "5"),
    ("suncet", "5"),
  ]
  simclr, suncet = (result["curve"] for result in results)
  # Two epochs of 9 steps; SuNCEt processes as many images in one of them.
  assert [point["images"] for point in simclr] == [9 * 256, 18 * 256]
  assert [point["images"] for point in suncet] == [9 * (256 + 100)]
  for point in [*simclr, *suncet]:
    assert {
      f"{name}_top1" for name in ("knn", "soft_nn", "linear", "finetune")
    } <= point.keys()
    assert "classifier_top1" not in point
    assert 0.1 < point["knn_top1"] <= 1
    assert point["flops"] > 1e9
  assert "SimCLR ends at" in output
  page = (tmp_path / "comparison.html").read_text()
  assert "labels=5" in page
  assert "Fixed before the runs" in page
  assert "python -m suncet_jax.compare --config=" in page
  assert (tmp_path / "labels5-knn.png").read_bytes().startswith(b"\x89PNG")

  # Both runs' and the one of fine-tuning, which they share.
  assert len(list(programs.rglob("jit_step-*-cache"))) == 3

  _assert_only_what_is_missing_is_measured_again(tmp_path, cache)

  # The same command makes the report again, and trains nothing.
  before = _log(tmp_path / "simclr-seed3")
  code, again = _compare(tmp_path, cache, "--seeds=3")
  assert code == 0, again
  assert "2 runs, 2 of them done before" in again
  assert _log(tmp_path / "simclr-seed3") == before

  code, refused = _compare(
    tmp_path, cache, "--seeds=3", "--config.optim.peak_lr=0.1"
  )
  assert code == 2
  assert "optim.peak_lr" in refused
  assert "Use another --workdir" in refused


def _assert_only_what_is_missing_is_measured_again(workdir, cache):
  """Takes away what a kill in the last measure of a run would leave."""
  folder = workdir / "simclr-seed3"
  (folder / "done").unlink()
  before = json.loads((folder / "measures.json").read_text())
  lost = {"5": before["5"][:1]}
  (folder / "measures.json").write_text(json.dumps(lost))
  other = (workdir / "suncet-labels5-seed3" / "output.log").read_text()

  code, output = _compare(workdir, cache, "--seeds=3")
  assert code == 0, output
  assert "2 runs, 1 of them done before" in output
  assert json.loads((folder / "measures.json").read_text()) == before
  measured = re.findall("labels=5 {'step': (\\d+)", _log(folder))
  assert measured == ["9", "18", "18"]
  assert _log(workdir / "suncet-labels5-seed3") == other


def _log(folder):
  return (folder / "output.log").read_text()


@pytest.mark.parametrize(
  ("number", "expected"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)]
)
def test_a_signal_ends_it(tmp_path, cache, number, expected):
  process = running.start(
    "suncet_jax.compare", *_FLAGS, f"--workdir={tmp_path}", cache=cache
  )
  running.wait_for(process, "simclr-seed0: started, 5 are waiting")
  process.send_signal(number)
  output, _ = process.communicate(timeout=120)
  assert process.returncode == expected, output
  assert f"{number.name} received: what was trained is saved" in output
  assert "Stopping: what runs saves first" in output
  assert "simclr-seed0: stopped after" in output
  assert "suncet-labels5-seed0: started" not in output


@pytest.mark.parametrize(
  ("flag", "expected"),
  [
    ("--labels=", "--labels is missing"),
    ("--labels=5,5", "--labels is '5,5', expected whole numbers, each once"),
    ("--seeds=one", "--seeds is 'one', expected whole numbers"),
    ("--seeds=1,01", "--seeds is '1,01', expected whole numbers, each once"),
    ("--config.seed=7", "--config: seed is decided by --seeds"),
    ("--workdir=gs://a/b", "--workdir is gs://a/b, expected a folder of this"),
    ("--methods=byol", "--methods has 'byol'"),
  ],
)
def test_flags_that_make_no_sense(tmp_path, cache, flag, expected):
  code, output = _compare(tmp_path, cache, flag)
  assert code == 2
  assert expected in output


def test_a_run_that_fails_is_named(tmp_path, cache):
  code, output = _compare(
    tmp_path,
    cache,
    "--methods=simclr",
    "--seeds=3",
    "--config.data.batch_size=100000",
  )
  assert code == 1
  assert "simclr-seed3 failed: see" in output
  assert "data.batch_size" in _log(tmp_path / "simclr-seed3")
