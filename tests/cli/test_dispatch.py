"""The one command: its list, its help, and what it makes of the words."""

import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest
import running

from suncet_jax.cli import dispatch
from suncet_jax.cli.positionals import as_overrides
from suncet_jax.cli.subcommands import SUBCOMMANDS
from suncet_jax.console import program

_SCREEN = 24, 80
_HEAVY = ("jax", "tensorflow", "flax", "ml_collections", "numpy", "rich")
_PAGE = running.ROOT / "docs" / "commands.md"
_COMMAND = re.compile(r"^(?: {4}|\$ )suncet-jax (\S+)(.*)", re.MULTILINE)


@pytest.fixture(autouse=True)
def _as_a_script(monkeypatch):
  """As if `suncet-jax` was started, whatever runs the tests."""
  monkeypatch.setattr("suncet_jax.console.program._started", [])
  monkeypatch.setattr(sys.modules["__main__"], "__spec__", None)


@pytest.fixture
def fails(capsys):
  """Returns a function: the one message that a command line ends with."""

  def call(*words):
    with pytest.raises(SystemExit) as ended:
      dispatch.main(words)
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("Error: ")
    return err

  return call


@pytest.mark.parametrize("words", [(), ("--help",), ("help",)])
def test_the_list_names_every_subcommand(words, capsys):
  assert dispatch.main(words) == 0
  _fits_a_screen(text := capsys.readouterr().out)
  for name, subcommand in SUBCOMMANDS.items():
    assert re.search(rf"^  {name} +{subcommand.summary}$", text, re.MULTILINE)


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_help_of_a_subcommand_fits_a_screen(name, capsys):
  for words in ((name, "--help"), (name, "somewhere", "-h")):
    assert dispatch.main(words) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"usage: suncet-jax {name}")
    # The longer of its two names.
    _fits_a_screen(text.replace("suncet-jax", "python -m suncet_jax"))


def _fits_a_screen(text):
  lines = text.splitlines()
  assert len(lines) < _SCREEN[0]  # and the prompt
  assert max(map(len, lines)) < _SCREEN[1]


@pytest.mark.parametrize("name", SUBCOMMANDS)
def test_help_names_flags_that_the_module_has(name):
  subcommand = SUBCOMMANDS[name]
  known = _source("suncet_jax.command_line") + _source(subcommand.module)
  named = [word for word, _ in subcommand.options] + [subcommand.usage]
  for flag in re.findall(r"--(?:\[no\])?(\w+)\b(?!\.)", " ".join(named)):
    assert re.search(rf'"(--)?{flag}"', known), flag


def _source(module):
  spec = importlib.util.find_spec(module)
  text = pathlib.Path(spec.origin).read_text()
  # The commands that run grids have some flags in common.
  is_grid = "suncet_jax.compare import flags" in text
  return text + (_source("suncet_jax.compare.flags") if is_grid else "")


def test_the_version(capsys):
  assert dispatch.main(["--version"]) == 0
  assert re.fullmatch(r"suncet_jax \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


@pytest.mark.parametrize(
  ("name", "meant"),
  [("trian", "train"), ("evalute", "evaluate"), ("comp", "compare")],
)
def test_an_unknown_subcommand_names_its_neighbours(name, meant, fails):
  text = fails(name, "--config=digits")
  assert f"no subcommand {name!r}. Did you mean {meant}" in text
  assert all(known in text for known in SUBCOMMANDS)


def test_flags_without_a_subcommand(fails):
  assert "the subcommand comes first" in fails("--config=digits", "runs/d")


def test_help_and_misspelt_words_load_nothing_heavy():
  code = (
    "import sys\nfrom suncet_jax.cli.dispatch import main\n"
    "main([]), main(['train', '--help'])\n"
    "try:\n  main(['trian'])\nexcept SystemExit:\n  pass\n"
    f"print([m for m in {_HEAVY} if m in sys.modules])"
  )
  output = subprocess.run(
    [sys.executable, "-c", code], capture_output=True, text=True, check=True
  ).stdout
  assert output.endswith("\n[]\n")


@pytest.mark.parametrize(
  ("words", "part"),
  [
    (["train"], "missing: --config=NAME and RUN. For example:"),
    (["train", "runs/d"], "missing: --config=NAME. For"),
    (["train", "--config=digits"], "missing: RUN. For"),
    (["train", "--config=digits", "a", "b"], "unexpected arguments ['b']"),
    (["train", "--config=digits", "a", "--workdir=b"], "give one of the two"),
    (["train", "--config=digts", "runs/d"], "configs/digits.py"),
    (
      ["train", "runs/d", "--config=digits", "--config.optim.lr=1"],
      'Did you mean "peak_lr"?',
    ),
    (["train", "--config=digits", "--lr=1", "d"], "--config.optim.peak_lr."),
    (["evaluate", "--evals=knn"], "missing: RUN"),
    (["evaluate", "nowhere"], "nowhere holds no run"),
    (["compare", "runs/c"], "missing: --config=NAME and --labels=N,..."),
    (["prepare"], "missing: DATASET"),
    (["check"], "missing: TRAIN TEST, or --config=NAME"),
    (["check", "train_folder"], "data.test is empty"),
    (["check", "--config=digits", "x"], "unexpected arguments ['x']"),
  ],
)
def test_what_is_missing_or_too_much(words, part, tmp_path):
  code, output = running.run("suncet_jax", *words, timeout=60, cwd=tmp_path)
  assert code == 2
  assert part in output
  assert "Traceback" not in output
  assert not list(tmp_path.iterdir())


def test_folders_to_check_are_fields():
  fields = SUBCOMMANDS["check"].positionals
  words = ["a/train", "--config.data.batch_size=8", "a/test"]
  assert as_overrides(words, fields) == [
    "--config=folder",
    "--config.data.train=a/train",
    "--config.data.test=a/test",
    "--config.data.batch_size=8",
  ]
  own = ["--config=mine.py", "a/train"]
  assert as_overrides(own, fields) == own


def test_a_run_is_trained_measured_shown_and_converted(
  small_run, tmp_path, cache
):
  (tmp_path / "small").symlink_to(small_run)

  def call(*words):
    code, output = running.run("suncet_jax", *words, cache=cache, cwd=tmp_path)
    assert code == 0, output
    return output

  again = call("train", "small", *running.SMALL, "--config.checkpoint.keep=5")
  assert "knn" in again.lower()
  assert "kNN" in call("evaluate", "small", "--evals=knn", "--step=27")
  assert call("report", "small", "--out=page.html") == "page.html\n"
  assert "Written: w.npz" in call("convert", "small", "--out=w.npz")
  assert (tmp_path / "page.html").stat().st_size


def test_the_command_is_recorded_as_it_was_typed():
  assert program.as_typed().startswith("python ")
  program.start_as("suncet-jax train", ["my run", "--config=digits"])
  assert program.as_typed() == "suncet-jax train 'my run' --config=digits"
  assert program.name("python -m suncet_jax.report") == "suncet-jax train"


@pytest.mark.parametrize("closed", ["| head -1", ">&-", ">&- 2>&-"])
def test_a_closed_output_is_no_error(closed):
  command = f"{sys.executable} -m suncet_jax --help {closed}"
  done = subprocess.run(
    ["bash", "-o", "pipefail", "-c", command],
    stderr=subprocess.PIPE,
    check=False,
  )
  assert done.returncode == 0
  assert b"Traceback" not in done.stderr


def test_the_page_has_commands_that_there_are():
  text = _PAGE.read_text()
  found = _COMMAND.findall(text)
  assert {name for name, _ in found} >= {"train", "predict", "fields", "check"}
  for name, words in found:
    known = " ".join(word for word, _ in SUBCOMMANDS[name].options)
    for flag in re.findall(r" --(\w+)\b", words):
      assert f"--{flag}" in known, flag
  for name, subcommand in SUBCOMMANDS.items():
    module = subcommand.module.removesuffix(".__main__")
    assert f"| `{name}` | " in text
    assert name == "fields" or f"| `{module}` |" in text
