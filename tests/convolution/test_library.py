"""Where oneDNN cannot be used: what the user is told."""

import importlib.metadata
import importlib.util
import platform
import shutil
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest
import running
import windows

from suncet_jax import convolution, doctor
from suncet_jax.convolution import convolve, library


def test_the_native_part_is_there_where_it_can_be():
  can_be = (platform.system(), platform.machine()) == ("Linux", "x86_64")
  if can_be and shutil.which("g++"):
    assert library.status().reason == ""
    assert jnp.float32 in library.status().dtypes
  else:
    assert library.status().reason != ""


@pytest.fixture
def fresh(monkeypatch):
  """Lets a test load the library anew; the old state comes back after it."""
  status = library.status
  status.cache_clear()
  yield monkeypatch
  monkeypatch.undo()
  status.cache_clear()
  jax.clear_caches()  # of what was traced without oneDNN


def _without(monkeypatch, fault):
  if fault == "platform":
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    return "Linux x86_64 only; this is Darwin"
  monkeypatch.setattr(platform, "system", lambda: "Linux")
  monkeypatch.setattr(platform, "machine", lambda: "x86_64")
  if fault == "native part":
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    return "C++ compiler"
  if fault == "package":

    def missing(name):
      raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", missing)
    return "pip install onednn-cpu-gomp"
  monkeypatch.setattr(library, "_native_part", lambda: __file__)
  return "does not load"


@pytest.mark.parametrize(
  "fault", ["platform", "native part", "package", "broken"]
)
def test_without_onednn_xla_convolves_and_the_doctor_says_why(
  fresh, fault, capsys
):
  reason = _without(fresh, fault)
  assert reason in library.status().reason
  assert library.status().dtypes == ()
  images, kernel = windows.arrays((2, 5, 5, 3), (3, 3, 3, 4))
  assert not windows.uses_onednn(convolve, images, kernel)
  doctor.main([])
  printed = capsys.readouterr().out
  assert reason in printed
  assert "convolution  XLA (" in printed


def test_the_doctor_names_what_is_in_use(monkeypatch, capsys):
  found = library.Status("3.2.1", (jnp.dtype("float32"),))
  monkeypatch.setattr(library, "status", lambda: found)
  assert convolution.in_use("xla")[0] == "XLA"
  name, reason = convolution.in_use(dtype="float64")
  assert name == "XLA"
  assert "no float64" in reason
  # These tests see eight devices.
  name, reason = convolution.in_use()
  assert name == "XLA"
  assert "8 devices" in reason
  assert "oneDNN 3.2.1" in reason
  monkeypatch.setattr(jax, "device_count", lambda: 1)
  doctor.main([])
  printed = capsys.readouterr().out
  assert "convolution  oneDNN 3.2.1 (one CPU device, float32; " in printed
  assert "bfloat16 is rounded to and computed in float32" in printed
  monkeypatch.setattr(jax, "default_backend", lambda: "tpu")
  assert convolution.in_use() == ("XLA", "the devices are TPUs")


def test_the_doctor_is_a_command():
  code, output = running.run("suncet_jax.doctor", timeout=60)
  assert code == 0
  assert "convolution" in output


def test_installing_does_not_fail_without_a_compiler(tmp_path):
  shutil.copy(running.ROOT / "setup.py", tmp_path)
  shutil.copytree(running.ROOT / "native", tmp_path / "native")
  # oneDNN's headers, which are only there while pip builds.
  package = tmp_path / "onednn_devel_cpu_gomp-1.dist-info"
  package.mkdir()
  (package / "METADATA").write_text("Name: onednn-devel-cpu-gomp\nVersion: 1\n")
  (package / "RECORD").write_text("include/dnnl.hpp,,\nlib/libdnnl.so,,\n")
  for name in ("include/dnnl.hpp", "lib/libdnnl.so"):  # Python 3.12 looks
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).touch()
  done = subprocess.run(
    [sys.executable, "setup.py", "-q", "build_ext", "--build-lib=built"],
    capture_output=True,
    text=True,
    timeout=120,
    cwd=tmp_path,
    env={"CC": "no-cc", "CXX": "no-cxx", "PYTHONPATH": str(tmp_path)},
  )
  assert done.returncode == 0, done.stderr
  lines = [line for line in done.stdout.splitlines() if "suncet_jax:" in line]
  assert len(lines) == 2
  assert "not built: native convolutions: " in lines[0]
  assert "not built: the native resize: " in lines[1]
  assert "no-c" in lines[1]
  if (platform.system(), platform.machine()) == ("Linux", "x86_64"):
    assert "no-c" in lines[0]
  assert not list((tmp_path / "built").rglob("*.so"))
