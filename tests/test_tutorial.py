"""docs/tutorial.md: its commands, run as they stand there."""

import csv
import os
import re
import resource
import subprocess
import sys

import numpy as np
import pytest
import running

from suncet_jax import load_encoder
from suncet_jax.evals.linear import linear_probe

_PAGE = running.ROOT / "docs" / "tutorial.md"
_COMMAND = re.compile(r"^ {4}((?:python|cd|suncet-jax) (?:.*\\\n)*.*)", re.M)
_SECONDS = 2 * 120  # two minutes of two cores
# The script may not be in the path of who runs the tests; check ends with 2, as
# the page says.
_SCRIPT = f"""set -e
python() {{ "{sys.executable}" "$@"; }}
suncet-jax() {{ python -m suncet_jax "$@" || [ "$1 $?" = "check 2" ]; }}
"""


@pytest.fixture(scope="module")
def done(tmp_path_factory):
  """What the page leaves: the folder, its output, and seconds of CPU."""
  place = tmp_path_factory.mktemp("tutorial")
  page = _PAGE.read_text()
  (code,) = re.findall(r"```python\n(.*?)```", page, re.S)
  script = "\n".join([_SCRIPT, *_commands(), f"python - <<'END'\n{code}END\n"])
  before = resource.getrusage(resource.RUSAGE_CHILDREN)
  ran = subprocess.run(
    ["bash", "-c", script],
    cwd=place,
    env=os.environ | {"PYTHONPATH": str(running.ROOT), "JAX_PLATFORMS": "cpu"},
    capture_output=True,
    text=True,
    check=False,
  )
  assert ran.returncode == 0, ran.stdout + ran.stderr
  after = resource.getrusage(resource.RUSAGE_CHILDREN)
  seconds = (after.ru_utime + after.ru_stime) - (
    before.ru_utime + before.ru_stime
  )
  return place / "trial", ran.stdout, seconds


def _commands():
  """Returns the commands of the page, without the indentation of its code."""
  found = _COMMAND.findall(_PAGE.read_text())
  return [re.sub(r"^ {4}", "", command, flags=re.M) for command in found]


def _rows(path):
  with path.open(newline="") as file:
    return list(csv.DictReader(file))


@pytest.mark.slow
def test_it_takes_two_minutes_and_learns(done):
  folder, output, seconds = done
  assert seconds < _SECONDS
  history = _rows(folder / "runs" / "mine" / "metrics.csv")
  losses = [float(row["loss"]) for row in history if row["loss"]]
  assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
  assert "['cat'" in output or "('cat'" in output
  for name in ("classes.png", "uncertain.png", "mine.html"):
    assert (folder / name).stat().st_size > 10_000


@pytest.mark.slow
def test_check_proposes_the_training_of_the_page(done):
  _, output, _ = done
  proposed = re.search(r"^ *(suncet-jax train .*)", output, re.M)[1]
  trained = next(c for c in _commands() if c.startswith("suncet-jax train "))
  assert trained.replace("\\\n", "").split() == proposed.split()


@pytest.mark.slow
def test_its_classes_are_as_good_as_those_of_a_probe(done):
  """On all photographs without a label, whose true classes are known here."""
  folder, _, _ = done
  truth = {row["path"]: row["label"] for row in _rows(folder / "truth.csv")}
  labels = {row["path"]: row["label"] for row in _rows(folder / "labels.csv")}
  found = {
    row["path"]: row["class"] for row in _rows(folder / "predictions.csv")
  }
  others = [path for path in truth if path not in labels]
  right = np.mean([found[path] == truth[path] for path in others])
  for row in _rows(folder / "runs" / "mine" / "test_images.csv"):
    del labels[row["path"]]
  encode = load_encoder(folder / "runs" / "mine")
  names = sorted(set(truth.values()))
  features = encode([str(folder / path) for path in labels])
  probe = linear_probe(
    features,
    np.array([names.index(name) for name in labels.values()]),
    class_count=len(names),
    epochs=90,
    batch_size=len(labels),
    learning_rate=0.1,
    seed=0,
  )
  scores = probe.scores(encode([str(folder / path) for path in others]))
  guesses = np.asarray(scores).argmax(1)
  probed = np.mean(np.array(names)[guesses] == [truth[p] for p in others])
  assert right > probed - 0.02, (right, probed)
  assert right > 0.8
