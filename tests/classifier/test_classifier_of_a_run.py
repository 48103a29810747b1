"""From a run to a classifier: killed, loaded, exported, used on files."""

import copy
import csv
import json
import pickle

import classifier_runs
import image_files
import jax
import numpy as np
import pytest
from PIL import Image

from suncet_jax import load_classifier, load_encoder, predict
from suncet_jax.convert import __main__ as convert
from suncet_jax.train import result, run
from suncet_jax.train.experiment import build

_FILE = "classifier.safetensors"
_NAMES = ("b.png", "a.png", "sub/c.png", "broken.png", "d.png")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
  """A run that was killed between its evaluation and its result, and went on.

  Its folder, and the file of the classifier when it was killed.
  """
  folder = tmp_path_factory.mktemp("runs") / "mine"
  fields = {"evals.final": ("linear",)}
  with pytest.MonkeyPatch.context() as patched:

    def killed(*_):
      raise KeyboardInterrupt

    patched.setattr(run, "write_json", killed)
    with pytest.raises(KeyboardInterrupt):
      classifier_runs.finished(folder, **fields)
  assert not (folder / "result.json").exists()
  before = (folder / _FILE).read_bytes()
  assert classifier_runs.finished(folder, **fields) == 0
  return folder, before


@pytest.fixture(scope="module")
def folder(finished):
  return finished[0]


@pytest.fixture(scope="module")
def classify(folder):
  return load_classifier(folder)


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
  """A folder of images, one of them damaged; and the pixels of the others."""
  place = tmp_path_factory.mktemp("photographs")
  images, _ = classifier_runs.pixels(4, seed=2)
  whole = [name for name in _NAMES if name != "broken.png"]
  for name, image in zip(whole, images, strict=True):
    (place / name).parent.mkdir(exist_ok=True)
    (place / name).write_bytes(image_files.encode(image[..., 0]))
  (place / "broken.png").write_bytes(b"no image")
  return place, dict(zip(whole, images, strict=True))


def _expected(classify, photographs, names):
  """Returns classes and probabilities of images by name."""
  _, images = photographs
  nothing = np.full(len(classify.classes), np.nan)
  found = {
    name: (classes[0], probabilities[0])
    for name, image in images.items()
    for classes, probabilities in [classify(image[None])]
  }
  found["broken.png"] = ("", nothing)
  return map(np.stack, zip(*(found[name] for name in names), strict=True))


def test_a_run_that_was_killed_keeps_the_same_classifier(finished):
  folder, before = finished
  assert (folder / _FILE).read_bytes() == before
  kept = json.loads((folder / "result.json").read_text())["classifier"]
  assert (kept["kind"], kept["file"]) == ("linear", _FILE)


def test_evaluating_again_brings_a_lost_classifier_back(
  finished, monkeypatch, capsys
):
  folder, before = finished
  (folder / _FILE).unlink()
  with pytest.raises(ValueError, match="it was finished by an earlier"):
    load_classifier(folder)
  data = classifier_runs.dataset()
  monkeypatch.setattr(
    result, "build", lambda config, **how: build(config, data, **how)
  )
  assert result.evaluate_again(folder, ["linear"], None) == 0
  assert (folder / _FILE).read_bytes() == before
  assert "Classifier kept: linear probe" in capsys.readouterr().out


@pytest.mark.parametrize("out", ["out.safetensors", "out.npz", "folder"])
def test_an_export_gives_the_same_bits(folder, classify, tmp_path, out):
  images, _ = classifier_runs.pixels(40, seed=1)
  arguments = [str(folder), "--part=classifier", f"--out={tmp_path / out}"]
  assert convert.main(arguments) == 0
  again = load_classifier(tmp_path / out)
  for one, other in zip(classify(images), again(images), strict=True):
    np.testing.assert_array_equal(one, other)
  assert again.about == classify.about
  # It is an encoder too.
  np.testing.assert_array_equal(
    load_encoder(tmp_path / out)(images), load_encoder(folder)(images)
  )


def test_a_program_gives_probabilities(folder, classify, tmp_path):
  images, _ = classifier_runs.pixels(5)
  out = tmp_path / "mine.stablehlo"
  convert.main([str(folder), "--part=classifier", f"--out={out}"])
  program = jax.export.deserialize(bytearray(out.read_bytes())).call
  np.testing.assert_allclose(
    program(images.astype(np.float32) / 255),
    classify(images).probabilities,
    atol=1e-5,
  )
  classes = json.loads((tmp_path / "mine.classes.json").read_text())
  assert tuple(classes) == classify.classes == classifier_runs.CLASSES


def test_other_layouts_say_that_they_have_no_place(folder, tmp_path, capsys):
  out = f"--out={tmp_path / 'out.safetensors'}"
  convert.main([str(folder), "--part=classifier", out, "--to=suncet"])
  assert "Left out, as --to=suncet has no place: classifier" in (
    capsys.readouterr().out
  )


def test_files_are_classified_as_their_pixels_are(
  folder, classify, photographs
):
  place, _ = photographs
  names = sorted(_NAMES)
  classes, probabilities = _expected(classify, photographs, names)
  found = classify(place)
  assert found.classes.tolist() == classes.tolist()
  np.testing.assert_allclose(found.probabilities, probabilities, rtol=1e-5)
  in_parts = load_classifier(folder, batch_size=2)
  again = in_parts([place / name for name in reversed(names)])
  np.testing.assert_allclose(
    again.probabilities, probabilities[::-1], rtol=1e-5
  )


def test_encoders_take_files_too(folder, photographs):
  place, images = photographs
  encode = load_encoder(folder)
  found = encode([place / "b.png", place / "broken.png"])
  np.testing.assert_allclose(
    found[0], encode(images["b.png"][None])[0], rtol=1e-5
  )
  assert np.isnan(found[1]).all()


def test_a_file_of_predictions(
  folder, classify, photographs, tmp_path, capfd, caplog
):
  place, _ = photographs
  names = ("d.png", "sub/c.png", "broken.png", "a.png")
  (tmp_path / "list.csv").write_text(
    "\n".join(["note,path", *(f"x,{place / name}" for name in names)])
  )
  out, sheet = tmp_path / "predictions.csv", tmp_path / "uncertain.html"
  inputs = [str(tmp_path / "list.csv"), str(place / "b.png")]
  predict.main([str(folder), *inputs, f"--out={out}", f"--sheet={sheet}"])
  header, *rows = csv.reader(out.read_text().splitlines())
  assert header == [
    "path",
    "class",
    "probability",
    "second_class",
    "second_probability",
  ]
  names = (*names, "b.png")
  assert [row[0] for row in rows] == [str(place / name) for name in names]
  classes, probabilities = _expected(classify, photographs, names)
  assert [row[1] for row in rows] == classes.tolist()
  assert rows[2][1:] == [""] * 4
  for row, shares in zip(rows, probabilities, strict=True):
    if row[1]:
      second = classify.classes.index(row[3])
      ranked = np.sort(shares)[::-1]
      assert shares[second] == ranked[1]
      assert float(row[2]) == pytest.approx(ranked[0], abs=1e-5)
      assert float(row[4]) == pytest.approx(ranked[1], abs=1e-5)
  page = sheet.read_text()
  assert page.count("<figure") == 4
  least = min(range(5), key=lambda i: float(rows[i][2] or 2))
  first = page.index("<figcaption>") + len("<figcaption>")
  caption = f"{rows[least][1]} {float(rows[least][2]):.0%}"
  assert page[first:].startswith(caption)
  assert "1 of 5 images cannot be decoded" in capfd.readouterr().out
  assert "broken.png cannot be decoded: not an image" in caplog.text


def test_a_sheet_of_the_least_certain_as_a_picture(
  folder, photographs, tmp_path, capfd
):
  out, sheet = tmp_path / "predictions.csv", tmp_path / "uncertain.png"
  place = str(photographs[0])
  predict.main([str(folder), place, f"--out={out}", f"--sheet={sheet}"])
  assert f"Written: {sheet}" in capfd.readouterr().out
  pixels = np.asarray(Image.open(sheet))
  # Four of the five images can be decoded; tiles are 112 pixels wide.
  columns = [8 + n * 120 for n in range(6)]
  filled = [bool((pixels[30:100, x : x + 112] < 200).any()) for x in columns]
  assert filled == [True] * 4 + [False] * 2
  with pytest.raises(SystemExit) as ended:
    predict.main([str(folder), place, "--sheet=uncertain.gif"])
  assert ended.value.code == 2
  assert "expected *.html or *.png" in capfd.readouterr().err


def test_it_can_be_copied_and_pickled(classify):
  images, _ = classifier_runs.pixels(3)
  assert copy.deepcopy(classify) is classify
  again = pickle.loads(pickle.dumps(classify))
  np.testing.assert_array_equal(
    again(images).probabilities, classify(images).probabilities
  )
  empty = classify(images[:0])
  assert empty.classes.shape == (0,)
  assert empty.probabilities.shape == (0, 4)


def test_what_is_not_there_is_said(folder, tmp_path, capfd):
  unfinished = tmp_path / "unfinished"
  (unfinished / "checkpoints").mkdir(parents=True)
  (unfinished / "config.json").write_text("{}")
  with pytest.raises(ValueError, match="is not finished, and a classifier is"):
    load_classifier(unfinished)
  (unfinished / "result.json").write_text('{"classifier": {"none": "no way."}}')
  with pytest.raises(ValueError, match="has no classifier: no way"):
    load_classifier(unfinished)
  out = tmp_path / "encoder.npz"
  convert.main([str(folder), f"--out={out}"])
  with pytest.raises(ValueError, match="holds an encoder, but no classifier"):
    load_classifier(out)
  damaged = bytearray((folder / _FILE).read_bytes())
  damaged[-1] ^= 1
  (tmp_path / _FILE).write_bytes(damaged)
  with pytest.raises(ValueError, match="the file is damaged"):
    load_classifier(tmp_path / _FILE)
  for arguments, words in (
    ([str(folder), str(tmp_path / "nowhere")], "There is no file or folder"),
    ([str(folder), str(unfinished)], "holds no image"),
    ([str(tmp_path), "x.png"], "is no folder of a run"),
    ([str(folder), "x.png", "--sheet=x.pdf"], r"expected *.html"),
  ):
    with pytest.raises(SystemExit) as ended:
      predict.main(arguments)
    assert ended.value.code == 2
    assert words in capfd.readouterr().err
