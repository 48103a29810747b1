"""A process of a job that dies ends the others, with a message, in time."""

import re
import signal
import time

import fault_runs
import pytest
import running

_HEARTBEAT = 10  # seconds


@pytest.mark.parametrize("victim", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_the_others_end_within_the_heartbeat(tmp_path, cache, victim):
  processes = fault_runs.start_two(
    tmp_path, cache, f"--heartbeat_timeout={_HEARTBEAT}"
  )
  running.wait_for(processes[0], "step 6/27")
  processes[victim].send_signal(signal.SIGKILL)
  killed = time.monotonic()
  other = processes[1 - victim]
  output, _ = other.communicate(timeout=120)
  assert time.monotonic() - killed < 4 * _HEARTBEAT  # the machine may be busy
  assert other.returncode not in (0, 2), output
  # From JAX after the heartbeat, or from us if a collective fails before.
  assert re.search("another task died|Another process may have failed", output)
  assert fault_runs.steps(tmp_path)  # to go on from
  processes[victim].communicate()
