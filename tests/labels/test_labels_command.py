"""`python -m suncet_jax.labels`, on image files and on a run."""

import csv
import json

import classifier_runs
import numpy as np
import pytest
from PIL import Image

from suncet_jax.labels import __main__ as labels


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  """A finished run on images of four brightnesses."""
  folder = tmp_path_factory.mktemp("runs") / "mine"
  assert classifier_runs.finished(folder) == 0
  return folder


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
  """A folder with a sub-folder per class, and a damaged file."""
  place = tmp_path_factory.mktemp("photographs")
  images, numbers = classifier_runs.pixels(48, seed=2)
  for number, (image, label) in enumerate(zip(images, numbers, strict=True)):
    path = place / classifier_runs.CLASSES[label] / f"{number}.png"
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(image[..., 0]).save(path)
  (place / "ant" / "broken.png").write_bytes(b"no image")
  return place


def _rows(path):
  with path.open(newline="") as file:
    return list(csv.DictReader(file))


def _call(*words):
  return labels.main([str(word) for word in words])


def test_a_curve_of_image_files(run, photographs, tmp_path, capsys):
  words = ("curve", run, photographs, "--target=0.6", f"--out={tmp_path}")
  assert _call(*words, "--draws=3", "--counts=1,2,4,8") == 0
  content = json.loads((tmp_path / "curve.json").read_text())
  assert content["counts"] == [1, 2, 4, 8]
  assert np.shape(content["accuracies"]) == (3, 4)
  assert content["test_images"] == 11  # a quarter, but for the damaged one
  assert content["needed"]["accuracy"] == 0.6
  assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
  said = capsys.readouterr().out
  assert "Accuracy on 11 test images" in said
  assert "2 times the labels, 16 per class: " in said


def test_a_run_on_arrays_asks_for_images(run, capsys):
  with pytest.raises(SystemExit) as ended:
    _call("curve", run)
  assert ended.value.code == 2
  assert "images in memory come from Python" in capsys.readouterr().err


def test_weights_alone_ask_for_images(run, tmp_path, capsys):
  with pytest.raises(SystemExit):
    _call("curve", run / "classifier.safetensors")
  assert "Name them behind it: TRAIN and TEST" in capsys.readouterr().err


@pytest.mark.parametrize("by", ["typical", "spread", "uncertain"])
def test_a_choice_is_a_list_to_fill_in(by, run, photographs, tmp_path, capsys):
  out, sheet = tmp_path / "a" / "list.csv", tmp_path / "sheet.png"
  out.parent.mkdir()
  known = tmp_path / "known.csv"
  given = sorted((photographs / "bee").glob("*.png"))
  lines = [f"{given[0]},bee", f"{given[1]},"]
  known.write_text("\n".join(["path,label", *lines]))
  words = (f"--labelled={known}", f"--by={by}", f"--sheet={sheet}")
  words += ("--count=47", f"--out={out}")
  assert _call("choose", run, photographs, *words) == 0
  rows = _rows(out)
  paths = {(out.parent / row["path"]).resolve() for row in rows}
  # All others but the damaged one: what has an empty label has none.
  assert paths == {*photographs.glob("*/*[0-9].png")} - {given[0]}
  assert {row["label"] for row in rows} == {""}
  if by == "uncertain":
    assert {row["predicted"] for row in rows} <= set(classifier_runs.CLASSES)
  assert sheet.read_bytes().startswith(b"\x89PNG")
  assert "1 of 49 images cannot be decoded" in capsys.readouterr().out


def test_a_choice_of_more_than_there_are(run, photographs, tmp_path, capsys):
  with pytest.raises(SystemExit):
    _call("choose", run, photographs, "--count=50", f"--out={tmp_path}/a.csv")
  said = capsys.readouterr().err
  assert "--count is 50, but 49 images without a label are given" in said
  with pytest.raises(SystemExit):
    _call("choose", run, photographs, "--count=49", f"--out={tmp_path}/a.csv")
  assert "only 48 images without a label can be decoded" in (
    capsys.readouterr().err
  )
  assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize(
  ("words", "said"),
  [
    (("curve", "r", "--counts=2,0"), "expected 1 or more"),
    (("curve", "r", "--target=90"), "expected between 0 and 1"),
    (("choose", "r", "i", "--sheet=a.pdf"), "expected *.html or *.png"),
    (("choose", "r", "i", "--by=best"), "invalid choice: 'best'"),
    ((), "the following arguments are required: command"),
  ],
)
def test_a_wrong_command(words, said, capsys):
  with pytest.raises(SystemExit) as ended:
    _call(*words)
  assert ended.value.code == 2
  assert said in capsys.readouterr().err
