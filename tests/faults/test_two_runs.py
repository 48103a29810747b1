"""Two runs on one folder at once: the second is refused, the first unharmed."""

import fault_runs
import pytest
import running


def test_of_one_process_each(tmp_path, small_run, cache):
  first = fault_runs.start(tmp_path, cache)
  running.wait_for(first, "step 4/27")
  fault_runs.freeze(first)
  try:
    output = fault_runs.run(tmp_path, cache, code=1)
  finally:
    fault_runs.thaw(first)
  assert "Another process is at work" in output
  fault_runs.output_of(first)
  fault_runs.assert_same_run(tmp_path, small_run)


@pytest.mark.slow
def test_of_two_processes_each(tmp_path, cache):
  first = fault_runs.start_two(tmp_path, cache)
  running.wait_for(first[0], "step 4/27")
  fault_runs.freeze(*first)
  try:
    second = fault_runs.start_two(tmp_path, cache)
    outputs = fault_runs.outputs_of(second, code=1)
  finally:
    fault_runs.thaw(*first)
  for output in outputs:
    assert "Another process is at work" in output
    assert "Traceback" not in output
  fault_runs.outputs_of(first)
  assert fault_runs.result(tmp_path)["step"] == fault_runs.LAST_STEP
