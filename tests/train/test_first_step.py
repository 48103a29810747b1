"""The first step of a run: what is imported before it, and what is compiled."""

import functools
import subprocess
import sys

import jax
import numpy as np
import pytest
import tiny
import virtual

from suncet_jax.train import ahead
from suncet_jax.train.experiment import build

_LATER = ("clu", "scipy", "sklearn", "tensorflow")
_CODE = f"""
import sys
import suncet_jax.main
import suncet_jax.train.run
from suncet_jax.data import arrays
arrays.digits()
print([name for name in {_LATER} if name in sys.modules])
"""


def test_what_takes_seconds_to_import_comes_after_it():
  # In a process of its own: that of other tests has imported all of it.
  command = [sys.executable, "-c", _CODE]
  done = subprocess.run(command, capture_output=True, text=True, check=True)
  assert done.stdout == "[]\n"


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("method", ["suncet", "swav"])
def test_it_is_compiled_beside_the_initial_state(method, devices, caplog):
  parts = build(*tiny.settings(method=method), virtual.mesh(devices))
  step_fn, spec = parts.step_fn(), parts.batch_spec(0)
  state = ahead.initial_state(parts, step_fn)
  jax.tree.map(np.testing.assert_array_equal, state, parts.initial_state())
  (batch,) = parts.stream.batches(range(1), spec.unlabelled, spec.labelled)
  with jax.log_compiles():
    step_fn(state, batch, spec, parts.config.seed)
  programs = [record.getMessage() for record in caplog.records]
  assert not [text for text in programs if "jit(step)" in text]


def test_a_step_that_cannot_be_traced_is_an_error_at_once():
  parts = tiny.experiment()

  @functools.partial(jax.jit, static_argnums=2)
  def broken(*_):
    raise ZeroDivisionError("of the step")

  with pytest.raises(ZeroDivisionError, match="of the step"):
    ahead.initial_state(parts, broken)
