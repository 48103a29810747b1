"""Minutes as a share of SimCLR's images, by the speed of an epoch."""

import json

import pytest
import running
from etils import epath

from suncet_jax.verdict import budget, rounds
from suncet_jax.verdict.budget import Speed
from suncet_jax.verdict.candidates import candidates

_SPEEDS = {"suncet": Speed(0.2, 1.5), "comatch": Speed(0.4, 7.0)}


def test_who_is_twice_as_slow_has_half_of_the_images():
  found = budget.from_speeds(
    {"suncet": Speed(0.1, 1.0), "paws": Speed(0.1, 2.0)}, 10.0
  )
  assert found.shares == pytest.approx({"suncet": 1.0, "paws": 0.5})
  assert found.too_slow == []


def test_what_has_no_epoch_in_the_minutes_is_left_out():
  found = budget.from_speeds(_SPEEDS, 6.0)
  assert found.shares == pytest.approx({"suncet": 0.8})
  assert found.too_slow == ["comatch"]
  assert "comatch 7 minutes an epoch, left out" in found.told
  assert "suncet 1.5 minutes an epoch, 0.8 of the images" in found.told


def test_compiling_is_not_timed(tmp_path):
  table = tmp_path / "metrics.csv"
  table.write_text("step,images_seen,seconds\n1,100,60\n2,200,66\n3,300,72\n")
  assert budget._minutes(tmp_path) == pytest.approx(18 / 60)
  table.write_text("step,images_seen,seconds\n1,100,60\n")
  assert budget._minutes(tmp_path) == pytest.approx(1.0)


_MINUTES_AN_EPOCH = {"simclr": 2.0, "suncet": 4.0}


def _pretended(folders, parallel, say):
  """Does what jobs do, but trains nothing."""
  for folder in folders:
    job = json.loads((folder / "job.json").read_text())
    config = job["config"]
    epochs, method = config["train"]["epochs"], config["method"]["name"]
    seconds = 60 * _MINUTES_AN_EPOCH[method]
    rows = [f"{n},{n * 100},{30 + n * seconds}" for n in range(1, epochs + 1)]
    if epochs == 1:  # two rows of half an epoch each, the first with compiling
      rows = [f"1,50,{30 + seconds / 2}", f"2,100,{30 + seconds}"]
      assert config["log"]["every_steps"] == 1
    table = "\n".join(["step,images_seen,seconds", *rows, ""])
    (folder / "metrics.csv").write_text(table)
    (folder / "result.json").write_text(json.dumps({"seconds": seconds}))
    row = {"images": 100 * epochs, "finetune_top1": 0.5}
    for images in job["on"]:
      name = {"test": "measures.json", "validation": "validation.json"}[images]
      (folder / name).write_text(json.dumps({"5": [row]}))
    (folder / "done").touch()
  return []


def test_rounds_have_the_epochs_of_their_minutes(tmp_path, monkeypatch):
  monkeypatch.setattr(rounds, "run_jobs", _pretended)
  asked = rounds.Asked(
    f"{running.ROOT}/configs/digits.py:epochs=8", {}, "", 5, (3, 4), 1
  )
  tried = candidates(["simclr", "suncet"], has_weights=False)
  workdir = epath.Path(tmp_path)
  found = budget.by_minutes(workdir, asked, tried, 16.0)
  results = rounds.measured(workdir, asked, tried, 0.5, wholes=found.shares)
  # Half of 16 minutes: four epochs of two, two of four.
  assert [result.images for result in results] == [400, 200]
  assert [result.share for result in results] == [0.5, 0.5]
  assert [[*r.accuracies] for r in results] == [[3, 4], [3, 4]]
  # Timed once, on the first seed.
  assert len([*tmp_path.glob("*@1e-06*")]) == 2
