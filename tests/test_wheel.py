"""The wheel runs the demo in another folder, with and without a compiler."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig
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


def _call(*arguments, cwd, python=sys.executable, **environment):
  done = subprocess.run(
    [python, *map(str, arguments)],
    cwd=cwd,
    env=os.environ | environment,
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    check=False,
  )
  assert done.returncode == 0, done.stdout
  return done.stdout


def _build(folder, *options, **environment):
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
    *("-m", "build", *options, "--outdir", dist, source),
    cwd=folder,
    **environment,
  )
  assert list(dist.glob("*.tar.gz"))
  (wheel,) = dist.glob("*.whl")
  return wheel, output


def _demo(wheel, folder):
  """Installs a wheel in an empty environment, runs the demo there.

  The requirements come from this one's site-packages, by their path: an
  editable installation of this package, which is in a .pth file, does not.

  Returns:
    What the demo prints.
  """
  site, elsewhere = folder / "site", folder / "elsewhere"
  elsewhere.mkdir()
  _call("-m", "venv", "--without-pip", folder / "venv", cwd=folder)
  install = ("-m", "pip", "install", "-q", "--no-deps", "--target", site)
  _call(*install, wheel, cwd=elsewhere)
  output = _call(
    *("-m", "suncet_jax.main", *_DEMO),
    cwd=elsewhere,
    python=folder / "venv" / "bin" / "python",
    PYTHONPATH=os.pathsep.join([str(site), sysconfig.get_path("purelib")]),
    JAX_PLATFORMS="cpu",
  )
  result = json.loads((elsewhere / "run" / "result.json").read_text())
  assert result["metrics"]["knn_top1"] > 0.2
  assert (elsewhere / "run" / "report.html").stat().st_size
  return output


@pytest.mark.slow
def test_without_a_compiler_its_demo_runs_in_another_folder(tmp_path):
  # What the build needs is for the native parts alone.
  options = ("--no-isolation", "--skip-dependency-check")
  wheel, output = _build(tmp_path, *options, CC="no-cc", CXX="no-cxx")
  names = zipfile.ZipFile(wheel).namelist()
  packaged = [n for n in names if n.startswith("suncet_jax/configs/")]
  assert sorted(pathlib.Path(name).name for name in packaged) == _CONFIGS
  # The package and its description: nothing else comes to site-packages.
  assert len({name.split("/")[0] for name in names}) == 2
  assert not [name for name in names if name.endswith(".so")]
  assert "not built: native convolutions" in output
  demo = _demo(wheel, tmp_path)
  assert demo.count("the native part was not built") == 1


# Without a compiler this machine has no such wheel.
@pytest.mark.slow
@pytest.mark.parametrize("compiler", list(filter(None, [shutil.which("g++")])))
def test_with_the_native_part_its_demo_uses_it(compiler, tmp_path):
  wheel, _ = _build(tmp_path, CXX=compiler)
  names = zipfile.ZipFile(wheel).namelist()
  assert len([name for name in names if name.endswith(".so")]) == 2
  assert "Convolution: oneDNN" in _demo(wheel, tmp_path)
