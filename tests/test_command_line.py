"""What a user sees when the command line is wrong."""

import subprocess
import sys

import pytest
import running

from suncet_jax import command_line
from suncet_jax.errors import RunError, UserError

_DIGITS = f"--config={running.ROOT}/configs/digits.py"


def _main(*flags):
  return running.run("suncet_jax.main", *flags, timeout=60)


@pytest.mark.parametrize(
  ("flags", "part"),
  [
    ((_DIGITS,), "--workdir is missing"),
    (("--workdir=x",), "--config is missing"),
    (("--config=nowhere.py", "--workdir=x"), "nowhere.py"),
    ((_DIGITS + ":label=3", "--workdir=x"), "'label' is unknown"),
    ((_DIGITS, "--workdir=x", "more"), "unexpected arguments ['more']"),
    (
      (_DIGITS, "--workdir=x", "--config.method.temperature=-1"),
      "method.temperature is -1.0, expected > 0",
    ),
    (
      (_DIGITS, "--workdir=x", "--config.optim.peak_lrr=1"),
      'Did you mean "peak_lr"',
    ),
  ],
)
def test_faults_are_clear_and_end_with_code_2(
  flags, part, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  code, output = _main(*flags)
  assert part in output
  assert code == 2
  assert "Traceback" not in output
  assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("name", ["main", "evaluate", "config"])
def test_faults_are_found_before_jax_or_tensorflow_is_imported(name):
  program = (
    f"import sys, suncet_jax.{name};"
    "print([m for m in ('jax', 'tensorflow', 'flax', 'orbax')"
    " if m in sys.modules])"
  )
  output = subprocess.run(
    [sys.executable, "-c", program], capture_output=True, text=True, check=True
  ).stdout
  assert output.strip() == "[]"


@pytest.mark.parametrize(
  ("module", "names"),
  [
    ("main", ["--config:", "--workdir:"]),
    ("evaluate", ["--evals:", "--workdir:"]),
    ("compare", ["--config:", "--workdir:", "--seeds:"]),
    ("report", ["--out"]),
    ("convert", ["--out", "--to"]),
    ("doctor", ["computes with"]),
    ("check", ["--config:"]),
    ("prepare", ["--dataset:"]),
  ],
)
def test_help_names_what_is_needed(module, names):
  code, output = running.run(f"suncet_jax.{module}", "--help", timeout=60)
  assert code == 0
  for name in names:
    assert name in output


def test_evaluate_names_unknown_evaluations(tmp_path):
  code, output = running.run(
    "suncet_jax.evaluate", f"--workdir={tmp_path}", "--evals=knn,svm"
  )
  assert code == 2
  assert "svm" in output


def test_evaluate_of_a_folder_without_a_run(tmp_path):
  code, output = running.run("suncet_jax.evaluate", f"--workdir={tmp_path}")
  assert code == 2
  assert "holds no run" in output


@pytest.mark.parametrize(
  ("error", "code", "has_trace"),
  [
    (UserError("set it"), 2, False),
    (FileNotFoundError("no such folder"), 2, False),
    (RunError("it diverged"), 1, False),
    (ValueError("a defect"), 1, True),
    (KeyError("a defect"), 1, True),
  ],
)
def test_only_messages_come_without_a_traceback(error, code, has_trace, capsys):
  with pytest.raises(SystemExit) as ended, command_line.clear_errors():
    raise error
  assert ended.value.code == code
  printed = capsys.readouterr().err
  assert ("Traceback" in printed) == has_trace
  assert str(error) in printed
