"""The wheel runs the demo in another folder, with and without a compiler."""

import json
import os
import pathlib
import subprocess
import sys
import zipfile

import pytest
import running

_CONFIGS = sorted(path.name for path in (running.ROOT / "configs").glob("*.py"))
_DEMO = (
  "--config=configs/digits.py:epochs=1",
  "--config.evals.finetune.epochs=1",
  "--config.evals.linear.epochs=1",
  "--workdir=run",
)


def _call(*arguments, cwd, **environment):
  done = subprocess.run(
    [sys.executable, *map(str, arguments)],
    cwd=cwd,
    env=os.environ | environment,
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stdout
  return done.stdout


def _build(folder, **environment):
  """Builds sdist and wheel of a copy; returns the wheel and the output."""
  source, dist = folder / "source", folder / "dist"
  # Of what git knows or would take: no library that was built here before.
  listed = subprocess.check_output(
    ["git", "ls-files", "-co", "--exclude-standard"],
    cwd=running.ROOT,
    text=True,
  )
  for name in listed.splitlines():
    target = source / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes((running.ROOT / name).read_bytes())
  output = _call(
    *("-m", "build", "--no-isolation", "--outdir", dist, source),
    cwd=folder,
    **environment,
  )
  assert list(dist.glob("*.tar.gz"))
  (wheel,) = dist.glob("*.whl")
  return wheel, output


def _demo(wheel, folder):
  """Installs a wheel alone, runs the demo; returns its output."""
  site, elsewhere = folder / "site", folder / "elsewhere"
  elsewhere.mkdir()
  install = ("-m", "pip", "install", "-q", "--no-deps", "--target", site)
  _call(*install, wheel, cwd=elsewhere)
  output = _call(
    *("-m", "suncet_jax.main", *_DEMO),
    cwd=elsewhere,
    PYTHONPATH=str(site),
    JAX_PLATFORMS="cpu",
  )
  result = json.loads((elsewhere / "run" / "result.json").read_text())
  assert result["metrics"]["knn_top1"] > 0.2
  assert (elsewhere / "run" / "report.html").stat().st_size
  return output


@pytest.mark.slow
@pytest.mark.parametrize("has_compiler", [False, True])
def test_its_demo_runs_in_another_folder(has_compiler, tmp_path):
  compiler = {} if has_compiler else {"CC": "no-cc", "CXX": "no-cxx"}
  wheel, output = _build(tmp_path, **compiler)
  names = zipfile.ZipFile(wheel).namelist()
  packaged = [n for n in names if n.startswith("suncet_jax/configs/")]
  assert sorted(pathlib.Path(name).name for name in packaged) == _CONFIGS
  tops = {name.split("/")[0] for name in names}
  assert len(tops) == 2  # the package and its description, nothing beside
  natives = [name for name in names if name.endswith(".so")]
  demo = _demo(wheel, tmp_path)
  if has_compiler:
    assert len(natives) == 2
    assert "Convolution: oneDNN" in demo
  else:
    assert not natives
    assert "not built: native convolutions" in output
    assert demo.count("the native part was not built") == 1
