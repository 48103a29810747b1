"""The folder of a comparison: what may be added, what is refused."""

import json

import pytest
import running

from suncet_jax.compare.entries import parse_entries
from suncet_jax.compare.folder import prepare, read_results
from suncet_jax.compare.grid import make_grid

_DIGITS = f"{running.ROOT}/configs/digits.py:epochs=2"


def _grid(*, labels=(5,), seeds=(1,), variants=()):
  return make_grid(
    _DIGITS,
    {},
    entries=parse_entries(["simclr", "suncet"], variants),
    labels=labels,
    seeds=seeds,
    points=2,
  )


def _finish(workdir, runs):
  """Leaves what finished runs would."""
  for run in runs:
    folder = workdir / run.folder
    measures = {name: [{"knn_top1": 0.5}] for name in run.measured}
    (folder / "measures.json").write_text(json.dumps(measures))
    (folder / "result.json").write_text(json.dumps({"seconds": 60.0}))
    (folder / "done").touch()


def _done(workdir, runs):
  return [
    run.folder for run in runs if (workdir / run.folder / "done").exists()
  ]


def test_a_grid_may_grow(tmp_path):
  runs = _grid()
  prepare(tmp_path, runs)
  _finish(tmp_path, runs)
  more = _grid(seeds=(1, 2), variants=["method.temperature=0.2"])
  prepare(tmp_path, more)
  assert _done(tmp_path, more) == [run.folder for run in runs]


def test_more_labels_are_measured_of_the_runs_there_are(tmp_path):
  runs = _grid()
  prepare(tmp_path, runs)
  _finish(tmp_path, runs)
  more = _grid(labels=(5, 10))
  prepare(tmp_path, more)
  # SimCLR's one run has ten labels to be measured with.
  assert _done(tmp_path, more) == ["suncet-labels5-seed1"]
  job = json.loads((tmp_path / "simclr-seed1" / "job.json").read_text())
  assert list(job["measured"]) == ["5", "10"]

  # And with the first command again, what is there is kept and not shown.
  _finish(tmp_path, more)
  prepare(tmp_path, runs)
  assert _done(tmp_path, runs) == [run.folder for run in runs]
  job = json.loads((tmp_path / "simclr-seed1" / "job.json").read_text())
  assert list(job["measured"]) == ["5", "10"]
  results = read_results(tmp_path, runs)
  assert [(r.name, r.labels) for r in results] == [
    ("simclr", "5"),
    ("suncet", "5"),
  ]


def test_lost_measures_are_made_again(tmp_path):
  runs = _grid()
  prepare(tmp_path, runs)
  _finish(tmp_path, runs)
  (tmp_path / "simclr-seed1" / "measures.json").unlink()
  prepare(tmp_path, runs)
  assert _done(tmp_path, runs) == ["suncet-labels5-seed1"]


@pytest.mark.parametrize("name", ["job.json", "measures.json"])
def test_a_damaged_file_is_named(tmp_path, name):
  runs = _grid()
  prepare(tmp_path, runs)
  (tmp_path / "simclr-seed1" / name).write_text('{"5": [')
  with pytest.raises(
    ValueError, match=f"simclr-seed1/{name} is not valid JSON"
  ):
    prepare(tmp_path, runs)


def test_what_cannot_be_used_is_refused(tmp_path):
  (tmp_path / "file").touch()
  with pytest.raises(
    ValueError, match=r"file cannot be used.*Expected a folder"
  ):
    prepare(tmp_path / "file", _grid())
  (tmp_path / "config.json").touch()
  with pytest.raises(ValueError, match="holds a single run"):
    prepare(tmp_path, _grid())
