"""SIGTERM and Ctrl-C: the step is saved, the same command goes on."""

import re
import signal
import time

import fault_runs
import pytest
import running


def _interrupt(workdir, cache, text, number):
  """Starts or goes on, and sends a signal once `text` is printed."""
  process = fault_runs.start(workdir, cache)
  seen = running.wait_for(process, text)
  process.send_signal(number)
  rest, _ = process.communicate(timeout=120)
  return process.returncode, seen + rest


def test_one_process_saves_and_goes_on_bit_for_bit(tmp_path, small_run, cache):
  code, output = _interrupt(tmp_path, cache, "step 4/27", signal.SIGTERM)
  assert code == 0, output
  assert "SIGTERM received" in output
  saved = re.search(r"Saved step (\d+) of 27. Run the same command", output)
  assert fault_runs.steps(tmp_path)[-1] == int(saved[1])

  code, output = _interrupt(tmp_path, cache, "step 16/27", signal.SIGINT)
  assert code == 130, output
  assert f"Going on from step {saved[1]}" in output
  assert re.search(r"^First step after [\d.]+ s$", output, re.MULTILINE)
  assert "SIGINT received" in output

  code, output = _interrupt(tmp_path, cache, "Evaluating", signal.SIGTERM)
  assert code == 0, output
  assert "SIGTERM received: stopped" in output
  assert not (tmp_path / "result.json").exists()

  output = fault_runs.run(tmp_path, cache)
  assert "Going on from step 27" in output
  fault_runs.assert_same_run(tmp_path, small_run)


@pytest.mark.slow
def test_a_signal_to_any_of_several_stops_all_at_one_step(tmp_path, cache):
  first, _ = _stop_both(tmp_path, cache, "step 4/27", receiver=1)
  second, seen = _stop_both(tmp_path, cache, "step 14/27", receiver=0)
  assert 4 <= first < second
  assert f"Going on from step {first}" in seen


def test_several_processes_end_in_the_evaluation_too(
  tmp_path, small_run, cache
):
  """As a cluster ends a job, which signals all of its processes."""
  workdir = fault_runs.copy_unfinished(small_run, tmp_path / "run")
  processes = fault_runs.start_two(workdir, cache)
  running.wait_for(processes[0], "Evaluating")
  fault_runs.freeze(processes[1])  # the other one hears of it much later
  for process in processes:
    process.send_signal(signal.SIGTERM)
  time.sleep(2)
  fault_runs.thaw(processes[1])
  for output in fault_runs.outputs_of(processes):
    assert "SIGTERM received: stopped" in output
  assert not (workdir / "result.json").exists()


def _stop_both(workdir, cache, text, receiver):
  """Sends SIGTERM to one of two; returns where both stopped, and the output."""
  processes = fault_runs.start_two(workdir, cache)
  seen = running.wait_for(processes[0], text)
  processes[receiver].send_signal(signal.SIGTERM)
  outputs = fault_runs.outputs_of(processes)
  saved = re.search(r"Saved step (\d+) of 27", outputs[0])
  assert saved, outputs[0]
  assert fault_runs.steps(workdir)[-1] == int(saved[1])
  assert not (workdir / "result.json").exists()
  assert "step" not in outputs[1]  # only the first process speaks
  return int(saved[1]), seen
