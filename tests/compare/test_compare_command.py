"""The command: a small comparison, run, interrupted, gone on with, reported."""

import json

import pytest
import running

_FLAGS = (
  f"--config={running.ROOT}/configs/digits.py:epochs=1",
  "--config.evals.finetune.epochs=2",
  "--config.evals.linear.epochs=5",
  "--config.evals.every_epochs=0.0",
  "--config.log.tensorboard=False",
  "--methods=simclr,suncet",
  "--labels=5",
  "--points=1",
)


def _compare(workdir, cache, *flags):
  return running.run(
    "suncet_jax.compare", *_FLAGS, f"--workdir={workdir}", *flags, cache=cache
  )


def test_a_comparison_from_start_to_report(tmp_path, cache, monkeypatch):
  # JAX keeps what took a second to compile, or what takes this long:
  monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
  code, output = _compare(tmp_path, cache, "--seeds=3", "--parallel=2")
  assert code == 0, output
  assert "2 runs, 0 of them done before" in output
  results = json.loads((tmp_path / "comparison.json").read_text())
  assert [(r["name"], r["labels"]) for r in results] == [
    ("simclr", "5"),
    ("suncet", "5"),
  ]
  for result in results:
    (end,) = result["curve"]
    assert {"knn_top1", "linear_top1", "finetune_top1"} <= end.keys()
    assert 0.1 < end["knn_top1"] <= 1
    assert end["flops"] > 1e9
  assert results[0]["curve"][0]["images"] == 9 * 256
  assert "SimCLR ends at" in output
  page = (tmp_path / "comparison.html").read_text()
  assert "labels=5" in page
  assert "Fixed before the runs" in page
  assert "python -m suncet_jax.compare --config=" in page
  assert (tmp_path / "labels5-knn.png").read_bytes().startswith(b"\x89PNG")

  programs = [p.name for p in (tmp_path / "compilation_cache").iterdir()]
  # Both runs' and the one of fine-tuning, which they share.
  assert sum(name.startswith("jit_step-") for name in programs) == 3

  # The same command makes the report again, and trains nothing.
  before = (tmp_path / "simclr-seed3" / "output.log").read_text()
  code, again = _compare(tmp_path, cache, "--seeds=3")
  assert code == 0, again
  assert "2 runs, 2 of them done before" in again
  assert (tmp_path / "simclr-seed3" / "output.log").read_text() == before

  code, refused = _compare(
    tmp_path, cache, "--seeds=3", "--config.optim.peak_lr=0.1"
  )
  assert code == 2
  assert "optim.peak_lr" in refused
  assert "Use another --workdir" in refused


@pytest.mark.parametrize(
  ("flag", "expected"),
  [
    ("--labels=", "--labels is missing"),
    ("--labels=5,5", "--labels is '5,5', expected whole numbers, each once"),
    ("--seeds=one", "--seeds is 'one', expected whole numbers"),
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
  log = (tmp_path / "simclr-seed3" / "output.log").read_text()
  assert "data.batch_size" in log
