"""Folders whose names are patterns, or look like something else."""

import os

import jax
import numpy as np
import pytest

from suncet_jax.config import base
from suncet_jax.workdir import literal_path
from suncet_jax.workdir.checkpoints import Checkpoints
from suncet_jax.workdir.folder import RunFolder

_NAMES = [
  "run[1]",
  "a[!b]",
  "a*b",
  "**",
  "a?b",
  "back\\slash",
  "{x}",
  "%20",
  "with space ",
  "-lead",
  "näive日",
  "line\nend",
  "c:d",
  "~",
]


def _state(step):
  return {"w": np.arange(1000.0, dtype=np.float32) * step}


def _template():
  sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
  return jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding),
    _state(0),
  )


@pytest.mark.parametrize("name", _NAMES, ids=ascii)
def test_checkpoints_work_in_it_and_below_it(tmp_path, name):
  folder = tmp_path / name / "run" / name
  with Checkpoints(folder, keep=1) as checkpoints:
    for step in (1, 2):
      checkpoints.save(step, _state(step), {})
      checkpoints.wait()
  with Checkpoints(folder, read_only=True) as checkpoints:
    state, _ = checkpoints.restore(_template())
  np.testing.assert_array_equal(state["w"], _state(2)["w"])
  assert os.listdir(folder) == ["2"]
  assert os.listdir(tmp_path) == [name]  # no other folder beside it


@pytest.mark.parametrize("name", ["run[1]", "a*b", "a?b", "back\\slash"])
def test_without_proc_it_is_refused_before_training(
  tmp_path, monkeypatch, name
):
  monkeypatch.setattr(literal_path, "_DESCRIPTORS", str(tmp_path / "none"))
  folder = RunFolder(tmp_path / name)
  character = next(c for c in name if not c.isalnum())
  with pytest.raises(ValueError, match="--workdir") as caught:
    folder.claim(base())
  assert ascii(character) in str(caught.value)
  RunFolder(tmp_path / "plain").claim(base())  # nothing else is


def test_in_a_bucket_it_is_refused():
  with pytest.raises(ValueError, match=r"'\[', which in a bucket no check"):
    literal_path.check("gs://bucket/run[1]")
  literal_path.check("gs://bucket/run1")


def test_what_is_not_utf_8_is_refused(tmp_path):
  folder = RunFolder(tmp_path / os.fsdecode(b"b\xff"))
  with pytest.raises(ValueError, match=r"--workdir.*udcff', which is not UTF"):
    folder.claim(base())
