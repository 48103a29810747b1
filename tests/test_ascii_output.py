"""Names that the terminal cannot show: the commands end well all the same."""

import shutil

import image_files
import pytest
import running

_NAMES = ("K\u00e4fer", "\u866b")
_ESCAPED = (r"K\xe4fer", r"\u866b")

# As with PYTHONIOENCODING=ascii, or in the locale C without Python's remedies.
_COMMAND = """
import runpy, sys
sys.stdout = open(1, "w", encoding="ascii", errors={errors!r}, closefd=False)
sys.stderr = open(2, "w", 1, "ascii", "backslashreplace", closefd=False)
module, *sys.argv[1:] = sys.argv[1:]
sys.argv[0] = module
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def _run(*arguments, errors="strict", **settings):
  code = _COMMAND.format(errors=errors)
  return running.run_code(code, *arguments, **settings)


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_check_prints_its_table(tmp_path, errors):
  for number in range(24):  # no image twice
    split = "train" if number % 2 else "test"
    folder = tmp_path / "data" / split / _NAMES[number // 2 % 2]
    folder.mkdir(parents=True, exist_ok=True)
    content = image_files.encode(image_files.photograph(shift=number))
    (folder / f"{number}.png").write_bytes(content)
  code, output = _run(
    "suncet_jax.check",
    f"--config={running.ROOT}/configs/folder.py:validation=1,batch=8,"
    f"train={tmp_path}/data/train,test={tmp_path}/data/test",
    errors=errors,
  )
  assert code == 0, output
  for name in _ESCAPED:
    assert f"\n  {name} " in output


@pytest.fixture(scope="module")
def foreign(small_run, tmp_path_factory):
  """A finished run in a folder of such a name."""
  folder = tmp_path_factory.mktemp("runs") / _NAMES[0]
  return shutil.copytree(small_run, folder)


@pytest.mark.parametrize(
  ("module", "more"),
  [
    ("main", [*running.SMALL, "--config.checkpoint.keep=5"]),
    ("evaluate", ["--evals=knn"]),
  ],
)
def test_a_run_says_where_it_is(foreign, cache, module, more):
  code, output = _run(
    f"suncet_jax.{module}", f"--workdir={foreign}", *more, cache=cache
  )
  assert code == 0, output
  assert f"/{_ESCAPED[0]}" in output


@pytest.mark.parametrize(
  ("module", "name"), [("report", "html"), ("convert", "npz")]
)
def test_what_is_written_is_named(foreign, tmp_path, module, name):
  path = tmp_path / f"{_NAMES[1]}.{name}"
  code, output = _run(f"suncet_jax.{module}", foreign, f"--out={path}")
  assert code == 0, output
  assert path.exists()
  assert f"{_ESCAPED[1]}.{name}\n" in output


@pytest.mark.parametrize("module", ["report", "convert", "evaluate", "check"])
def test_errors_too(tmp_path, module):
  place = tmp_path / _NAMES[0]
  arguments = {
    "evaluate": [f"--workdir={place}"],
    "check": [
      f"--config={running.ROOT}/configs/folder.py:train={place},test={place}"
    ],
    "report": [place],
    "convert": [place, "--out=out.npz"],
  }[module]
  code, output = _run(f"suncet_jax.{module}", *arguments)
  assert code == 2, output
  assert f"/{_ESCAPED[0]}" in output
  assert "Traceback" not in output
