"""Two processes make the run that one makes, and stop together."""

import csv
import json
import re
import signal

import numpy as np
import pytest
import running


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
  return tmp_path_factory.mktemp("compiled")


def _start_two(workdir, cache):
  port = running.free_port()
  return [
    running.start(
      "suncet_jax.main",
      *running.SMALL,
      f"--workdir={workdir}",
      f"--coordinator=127.0.0.1:{port}",
      "--process_count=2",
      f"--process_id={number}",
      cache=cache,
      devices=1,
    )
    for number in range(2)
  ]


def _finish(processes):
  outputs = [p.communicate(timeout=240)[0] for p in processes]
  for process, output in zip(processes, outputs, strict=True):
    assert process.returncode == 0, output
  return outputs


def _losses(workdir):
  with (workdir / "metrics.csv").open() as file:
    return [float(row["loss"]) for row in csv.DictReader(file)]


def test_two_processes_equal_one_and_stop_together(tmp_path, cache):
  # One process with two devices sees the same rows on each device.
  alone = tmp_path / "alone"
  code, output = running.run(
    "suncet_jax.main",
    *running.SMALL,
    f"--workdir={alone}",
    cache=cache,
    devices=2,
  )
  assert code == 0, output

  both = tmp_path / "both"
  processes = _start_two(both, cache)
  running.wait_for(processes[0], "step 6/27")
  processes[1].send_signal(signal.SIGTERM)  # to either of them
  outputs = _finish(processes)
  saved = re.search(r"Saved step (\d+) of 27", outputs[0])
  assert saved, outputs[0]
  assert 6 <= int(saved[1]) < 27
  assert not (both / "result.json").exists()

  outputs = _finish(_start_two(both, cache))
  assert f"Going on from step {saved[1]}" in outputs[0]
  # Only the first process speaks and writes.
  assert "knn" not in outputs[1]
  np.testing.assert_allclose(_losses(both), _losses(alone), rtol=2e-3)
  results = [
    json.loads((folder / "result.json").read_text()) for folder in (alone, both)
  ]
  assert results[0]["step"] == results[1]["step"] == 27
