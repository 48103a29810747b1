"""A user without name and home folder, as a container's `--user` makes one."""

import json
import os
import pwd

import fault_runs
import numpy as np
import pytest
import running
from etils import epath

from suncet_jax.compare import report as comparison
from suncet_jax.compare.folder import Measured
from suncet_jax.data.records.index import Index, read_or_make

# What is changed in a process, and then the command.
_NOBODY = """
import os, pwd, runpy, sys
os.environ.pop("HOME", None)
def unknown(uid):
  raise KeyError(uid)
pwd.getpwuid = unknown
{more}
sys.argv = [{module!r}, *sys.argv[1:]]
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""
_NO_TFDS_DIR = "os.environ.pop('TFDS_DATA_DIR', None)"
_NO_BOKEH = "sys.modules['bokeh'] = None"
_NO_FOLDER = """
import tempfile
def full(*arguments, **settings):
  raise FileNotFoundError("No usable temporary directory found")
tempfile.mkdtemp = tempfile.gettempdir = full
"""


def _run(module, *arguments, more="", **settings):
  code = _NOBODY.format(more=more, module=module)
  return running.run_code(code, *arguments, **settings)


@pytest.fixture
def nobody(monkeypatch):
  """Makes this process one of such a user."""

  def unknown(uid):
    raise KeyError(uid)

  monkeypatch.setattr(pwd, "getpwuid", unknown)
  for name in ("HOME", "XDG_CACHE_HOME", "TFDS_DATA_DIR"):
    monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
  ("more", "has_page"),
  [(_NO_FOLDER, True), (_NO_BOKEH, False)],
  ids=["no folder for temporary files", "a library that fails"],
)
def test_a_finished_run_has_its_result(
  tmp_path, small_run, cache, more, has_page
):
  workdir = fault_runs.copy_unfinished(small_run, tmp_path / "run")
  (workdir / "report.html").unlink()
  code, output = _run(
    "suncet_jax.main",
    *running.SMALL,
    "--config.checkpoint.keep=5",
    f"--workdir={workdir}",
    more=more,
    cache=cache,
    cwd=tmp_path,
  )
  assert code == 0, output
  fault_runs.assert_same_run(workdir, small_run)
  assert ("could not be written" in output) != has_page
  assert (workdir / "report.html").exists() == has_page
  assert [path.name for path in tmp_path.iterdir()] == ["run"]  # and no "~"


def test_the_page_is_made_by_its_own_command(tmp_path, small_run):
  page = tmp_path / "page.html"
  code, output = _run(
    "suncet_jax.report", small_run, f"--out={page}", cwd=tmp_path
  )
  assert code == 0, output
  assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_comparison_has_its_tables_without_its_pictures(
  tmp_path, monkeypatch
):
  def fail(*arguments, **settings):
    raise OSError("Matplotlib requires access to a writable cache directory")

  monkeypatch.setattr("suncet_jax.report.picture.curves_png", fail)
  point = {"epochs": 1.0, "images": 10, "flops": 1e9}
  accuracies = dict.fromkeys(("knn_top1", "linear_top1", "finetune_top1"), 0.5)
  result = Measured("simclr", "simclr", "5", 0, [point | accuracies], 60.0)
  page = comparison.write_report(tmp_path, [result], "command")
  assert page.exists()
  assert "50.0" in (tmp_path / "comparison.md").read_text()
  assert json.loads((tmp_path / "comparison.json").read_text())
  assert not list(tmp_path.glob("*.png"))


def test_an_index_that_cannot_be_kept_is_made_all_the_same(
  nobody, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  numbers = np.arange(3)
  made = Index(numbers, np.array([]), numbers, numbers)
  nowhere = epath.Path(os.devnull) / "folder"
  assert read_or_make(nowhere, "index", 3, lambda: made) is made
  assert not list(tmp_path.iterdir())


def test_prepare_asks_for_a_folder(tmp_path):
  code, output = _run(
    "suncet_jax.prepare", "--dataset=mnist", cwd=tmp_path, more=_NO_TFDS_DIR
  )
  assert code == 2, output
  assert "--data_dir of suncet_jax.prepare" in output
  assert not list(tmp_path.iterdir())
