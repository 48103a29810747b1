"""Processes find each other, and a failure of one ends them all."""

import pytest
import running

from suncet_jax.devices.processes import connect, glob, importlib, jax

# All would wait for the one that fails: 100 s if it did not say so.
_ONE_FAILS = """
import sys
import numpy as np
from jax.experimental import multihost_utils
from suncet_jax import command_line
from suncet_jax.devices.processes import connect

number, port, failing = map(int, sys.argv[1:])
with command_line.clear_errors():
  connect(f"127.0.0.1:{port}", 2, number)
  multihost_utils.sync_global_devices("all are here")
  if number == failing:
    raise ZeroDivisionError("one of two")
  multihost_utils.process_allgather(np.ones(1))
  print("went on")
"""


def test_process_flags_belong_together():
  with pytest.raises(ValueError, match="all three or none"):
    connect("localhost:1", None, None)


def test_without_a_cluster_the_flag_says_what_to_give():
  with pytest.raises(ValueError, match=r"--coordinator.*--nodistributed"):
    connect(None, None, None, in_cluster=True)


def test_a_plain_machine_is_no_cluster(monkeypatch):
  monkeypatch.setenv("SLURM_STEP_NUM_TASKS", "1")
  connect(None, None, None)  # would wait for others


@pytest.mark.parametrize(
  ("environment", "files", "is_found"),
  [
    ({}, ["/dev/accel0"], True),
    ({}, ["/dev/vfio/0"], True),
    ({}, [], False),
    ({"JAX_PLATFORMS": "cpu"}, ["/dev/accel0"], False),
    ({"JAX_PLATFORMS": "tpu,cpu"}, ["/dev/accel0"], True),
  ],
)
def test_tpus_are_a_cluster(monkeypatch, environment, files, is_found):
  monkeypatch.delenv("JAX_PLATFORMS", raising=False)
  for name, value in environment.items():
    monkeypatch.setenv(name, value)
  monkeypatch.setattr(
    glob,
    "glob",
    lambda pattern: [f for f in files if f.startswith(pattern[:9])],
  )
  monkeypatch.setattr(
    importlib.util, "find_spec", lambda name: name == "libtpu"
  )
  calls = []
  monkeypatch.setattr(
    jax.distributed, "initialize", lambda **settings: calls.append(1)
  )
  connect(None, None, None)
  assert bool(calls) == is_found


@pytest.mark.parametrize("failing", [0, 1])
def test_an_error_on_one_process_ends_the_other(failing):
  port = running.free_port()
  processes = [
    running.start_code(_ONE_FAILS, number, port, failing) for number in (0, 1)
  ]
  outputs = [p.communicate(timeout=60)[0] for p in processes]
  assert processes[failing].returncode == 1, outputs[failing]
  assert "ZeroDivisionError: one of two" in outputs[failing]
  other = 1 - failing
  assert processes[other].returncode not in (0, None), outputs[other]
  assert "went on" not in outputs[other]
  # JAX ends it, or the connection between them did before.
  said = ("another task died", "Another process may have failed first")
  assert any(text in outputs[other] for text in said), outputs[other]
