"""All but TFDS data and TensorBoard files works without TensorFlow."""

import json
import os
import re
import subprocess
import sys
import tomllib

import pytest
import running

from suncet_jax import optional
from suncet_jax.errors import UserError

_ABSENT = (
  "array_record",
  "clu",
  "importlib_resources",
  "tensorboard",
  "tensorflow",
  "tensorflow_datasets",
)
_PROJECT = tomllib.loads((running.ROOT / "pyproject.toml").read_text())
# What a program sees that was started without them.
_START = f"""
import runpy, sys
for name in {_ABSENT}:
  sys.modules[name] = None
_, module, *rest = sys.argv
sys.argv = [module, *rest]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def _without(module, *arguments, cwd):
  """Runs a module in a fresh process; returns (exit code, output)."""
  done = subprocess.run(
    [sys.executable, "-c", _START, module, *map(str, arguments)],
    cwd=cwd,
    env=os.environ | {"JAX_DISABLE_MOST_OPTIMIZATIONS": "1"},
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    timeout=300,
    check=False,
  )
  return done.returncode, done.stdout


@pytest.fixture(scope="module")
def digits_run(tmp_path_factory):
  """Returns a finished run of the demo, one epoch long, and its output."""
  folder = tmp_path_factory.mktemp("without")
  code, output = _without(
    "suncet_jax.main",
    "--config=configs/digits.py:epochs=1",
    "--config.evals.finetune.epochs=1",
    "--config.evals.linear.epochs=1",
    "--workdir=run",
    cwd=folder,
  )
  assert code == 0, output
  return folder / "run", output


def test_a_run_leaves_tensorboard_files_out_and_says_so_once(digits_run):
  folder, output = digits_run
  assert output.count("No TensorBoard files") == 1
  assert optional.INSTALL in output
  assert "Traceback" not in output
  assert json.loads((folder / "result.json").read_text())["metrics"]
  assert (folder / "report.html").stat().st_size
  assert not list(folder.glob("events.out.*"))


@pytest.mark.parametrize(
  ("module", "arguments"),
  [
    ("suncet_jax.check", ["--config=digits"]),
    ("suncet_jax.evaluate", ["--workdir={run}", "--evals=knn"]),
    ("suncet_jax.report", ["{run}", "--out=report.html"]),
    ("suncet_jax.convert", ["{run}", "--out=encoder.safetensors"]),
    ("suncet_jax.doctor", []),
  ],
)
def test_commands_work(module, arguments, digits_run, tmp_path):
  arguments = [each.format(run=digits_run[0]) for each in arguments]
  code, output = _without(module, *arguments, cwd=tmp_path)
  assert code == 0, output
  assert "Traceback" not in output


@pytest.mark.parametrize(
  ("module", "arguments", "what"),
  [
    (
      "suncet_jax.main",
      ["--config=fashion_mnist", "--workdir=run"],
      "data.source=tfds",
    ),
    ("suncet_jax.check", ["--config=cifar10"], "data.source=tfds"),
    ("suncet_jax.prepare", ["--dataset=mnist"], "suncet_jax.prepare"),
    (
      "suncet_jax.main",
      ["--config=digits", "--workdir=gs://bucket/run"],
      "A folder in a bucket",
    ),
    (
      "suncet_jax.check",
      ["--config=folder:train=gs://bucket/a,test=gs://bucket/b"],
      "A folder in a bucket",
    ),
  ],
)
def test_what_needs_them_names_the_line_that_installs(
  module, arguments, what, tmp_path
):
  code, output = _without(module, *arguments, cwd=tmp_path)
  assert code == 2, output
  assert f"Error: {what} needs " in output
  assert optional.INSTALL in output
  assert "Traceback" not in output


def test_a_list_of_tfds_names_the_line_too(monkeypatch):
  from suncet_jax.data import name_lists

  monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
  with pytest.raises(UserError, match=r"The list .*/10pct' needs the package"):
    name_lists.read_names("tfds:imagenet2012_subset/10pct", "")


@pytest.mark.parametrize("package", ["av", "kaldi_native_fbank"])
def test_videos_name_the_extra_that_has_what_decodes(package, monkeypatch):
  from suncet_jax.data.clips import sound, video

  opened = video.library if package == "av" else sound.filterbank
  monkeypatch.setitem(sys.modules, package, None)
  with pytest.raises(UserError) as caught:
    opened()
  assert f"data.source=clips needs the package {package}" in str(caught.value)
  assert str(caught.value).endswith("pip install 'suncet_jax[clips]'")
  extra = _PROJECT["project"]["optional-dependencies"]["clips"]
  assert any(
    re.split("[>=]", line)[0] == package.replace("_", "-") for line in extra
  )


def test_only_an_absent_package_becomes_advice():
  with (
    pytest.raises(ImportError, match=r"suncet_jax\.nothing"),
    optional.needed_for("x"),
  ):
    import suncet_jax.nothing  # noqa: F401


def test_a_python_without_tensorflow_is_told_which_has_it(monkeypatch):
  monkeypatch.setattr(sys, "version_info", (3, 14, 0, "final", 0))
  text = optional.absent(ImportError("gone", name="clu.metric_writers"))
  assert text.startswith("needs the package clu, ")
  assert "Python 3.13" in text


def test_what_needs_tensorflow_is_installed_where_it_has_a_release():
  core = running.load_tool("core_requirements").core_requirements()
  marked = set(_PROJECT["project"]["dependencies"]) - set(core)
  names = {re.match(r"[\w-]+", line)[0].replace("-", "_") for line in marked}
  assert names == {*_ABSENT, "tensorflow_cpu"}
  assert not [line for line in core if line.startswith(("tensor", "clu"))]
  assert any(line.startswith("jax>=") for line in core)
