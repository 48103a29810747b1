"""tools/accelerator_check.sh, on a machine without an accelerator."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile

import pytest
import running

_SCRIPT = running.ROOT / "tools" / "accelerator_check.sh"
_PARTS = [
  "environment",
  "loss_tests",
  "step",
  "losses",
  "torch_losses",
  "digits",
  "preflight",
]


def _check(*options, timeout=60, **environment):
  """Returns exit code, standard output and errors."""
  done = subprocess.run(
    [_SCRIPT, "--platform=cpu", "--small", *options],
    env=os.environ | {"PYTHON": sys.executable} | environment,
    capture_output=True,
    text=True,
    timeout=timeout,
  )
  return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_all_of_it_in_small(tmp_path):
  out = tmp_path / "check.json"
  code, summary, errors = _check("--minutes=30", f"--out={out}", timeout=1900)
  content = json.loads(out.read_text())
  assert code == 0, (summary, errors, content)
  assert len(summary.splitlines()) == 10
  parts = content["parts"]
  assert list(parts) == _PARTS
  facts = {name: part["facts"] for name, part in parts.items()}
  assert facts["environment"]["devices"][0]["platform"] == "cpu"
  assert facts["loss_tests"] == {"passed": 8, "skipped": 0, "failed": {}}
  assert facts["step"]["rows"] == 128
  assert facts["step"]["images_per_second"] > 0
  assert facts["step"]["planned_bytes"] > 10**6
  assert facts["step"]["metrics"]["skipped"] == 0
  for name in ("ntxent", "suncet"):
    for rows in ("256", "512"):
      ours = facts["losses"]["times"][f"{name} fp32"][rows]
      theirs = facts["torch_losses"]["times"][name][rows]
      assert ours["value"] == pytest.approx(theirs["value"], rel=1e-5)
      assert theirs["gradient_difference"] < 1e-4
  first, second = facts["digits"]["digests"]
  assert facts["digits"]["is_equal"] == (first == second)
  assert first == second  # on one CPU they are
  assert parts["preflight"]["status"] == "absent"
  assert "like 'cpu'" in parts["preflight"]["reason"]


def test_without_time_every_part_is_named_as_left_out(tmp_path):
  out = tmp_path / "check.json"
  code, summary, _ = _check("--minutes=0.1", f"--out={out}")
  assert code == 1
  assert len(summary.splitlines()) == 10
  assert f"left out: {', '.join(_PARTS)}" in summary
  content = json.loads(out.read_text())
  assert {part["status"] for part in content["parts"].values()} == {"left out"}
  assert "--minutes=0.1" in content["command"]


@pytest.mark.slow
def test_a_part_that_fails_does_not_stop_the_others(tmp_path):
  out = tmp_path / "check.json"
  code, summary, errors = _check(
    "--platform=nowhere", "--minutes=30", f"--out={out}", timeout=1900
  )
  assert code == 1
  parts = json.loads(out.read_text())["parts"]
  assert list(parts) == _PARTS
  failed = [name for name, part in parts.items() if part["status"] == "failed"]
  # PyTorch does without JAX; without a step there is nothing to foretell.
  assert failed == ["environment", "loss_tests", "step", "losses", "digits"]
  assert parts["torch_losses"]["status"] == "ok", errors
  assert parts["preflight"]["status"] == "absent"
  assert "nowhere" in parts["environment"]["reason"]
  assert "python" in parts["environment"]["facts"]  # told before it failed
  assert "failed: " in summary.splitlines()[0]


@pytest.mark.parametrize(
  ("option", "said"),
  [
    ("--minutes=0", "minutes above 0"),
    ("--what", "--what"),
    ("--wheels=/nowhere/at/all", "there is no folder /nowhere/at/all"),
    ("--out=/nowhere/at/all.json", "there is no folder /nowhere/at"),
  ],
)
def test_a_wrong_command(option, said):
  code, _, errors = _check(option)
  assert code == 2
  assert said in errors


def test_help_names_every_option():
  done = subprocess.run([_SCRIPT, "--help"], capture_output=True, text=True)
  assert done.returncode == 0
  for option in ("wheels", "extra", "minutes", "out", "platform", "small"):
    assert re.search(rf"^  --{option}\b", done.stdout, re.MULTILINE), option


def _wheel(folder, name, extra=""):
  """Makes a wheel that holds nothing but its name."""
  stem = f"{name}-1.0"
  head = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{extra}"
  with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as wheel:
    wheel.writestr(f"{stem}.dist-info/METADATA", head)
    wheel.writestr(
      f"{stem}.dist-info/WHEEL",
      "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    )
    wheel.writestr(f"{stem}.dist-info/RECORD", "")


@pytest.mark.slow
def test_wheels_are_installed_without_a_network(tmp_path):
  wheels = tmp_path / "wheels"
  wheels.mkdir()
  _wheel(
    wheels,
    "suncet_jax",
    "Provides-Extra: cuda\nRequires-Dist: brought_along; extra == 'cuda'\n",
  )
  for name in ("pytest", "hypothesis"):
    _wheel(wheels, name)
  code, _, errors = _check(f"--wheels={wheels}", timeout=300)
  assert code == 1
  assert "brought_along" in errors  # nothing else is asked for it
  _wheel(wheels, "brought_along")
  out = tmp_path / "check.json"
  code, summary, errors = _check(
    f"--wheels={wheels}", "--minutes=0.01", f"--out={out}", timeout=300
  )
  assert "left out" in summary, errors
  # The time of the installation counts.
  assert json.loads(out.read_text())["seconds"] >= 1


@pytest.mark.skipif(
  not shutil.which("shellcheck"), reason="shellcheck is missing"
)
def test_shellcheck_finds_nothing():
  done = subprocess.run(["shellcheck", _SCRIPT], capture_output=True, text=True)
  assert done.stdout + done.stderr == ""
