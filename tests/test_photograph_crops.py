"""Photographs of which few are labelled, for the tutorial."""

import csv

from PIL import Image

from tools import crops


def _rows(path):
  with path.open(newline="") as file:
    return [tuple(row) for row in csv.reader(file)][1:]


def test_few_are_labelled_and_all_are_known(tmp_path):
  crops.write_crops(tmp_path, per_class=4, labelled=2)
  truth, labels = (_rows(tmp_path / f"{n}.csv") for n in ("truth", "labels"))
  assert len(truth) == 3 * 4
  assert sorted(name for _, name in labels) == sorted([*crops.CLASSES] * 2)
  assert set(labels) < set(truth)
  files = sorted((tmp_path / "photographs").iterdir())
  assert [f"photographs/{file.name}" for file in files] == [p for p, _ in truth]
  with Image.open(files[0]) as image:
    assert (image.format, image.size) == ("JPEG", (240, 180))


def test_they_are_a_function_of_the_seed(tmp_path):
  for name, seed in (("a", 0), ("b", 0), ("c", 1)):
    crops.write_crops(tmp_path / name, per_class=1, labelled=1, seed=seed)
  contents = [
    [file.read_bytes() for file in sorted((tmp_path / n).rglob("*.jpg"))]
    for n in "abc"
  ]
  assert contents[0] == contents[1] != contents[2]
