"""Photographs made without a network, and ImageNet's archives of them."""

import io
import re
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import running
from PIL import Image

_PATH = running.ROOT / "tools" / "photographs.py"
photographs = running.load_tool("photographs")

_SMALL = {"size": (64, 48), "kilobytes": None}


def _pixels(file):
  image = Image.open(io.BytesIO(file))
  assert image.format == "JPEG"
  assert image.mode == "RGB"
  return np.asarray(image, np.float32)


def _members(file):
  with tarfile.open(fileobj=file) as archive:
    return {m.name: archive.extractfile(m).read() for m in archive}


def _colours(file):
  """Mean and spread of each channel."""
  pixels = _pixels(file)
  return np.concatenate([pixels.mean((0, 1)), pixels.std((0, 1))])


def test_they_are_a_function_of_the_seed():
  first = list(photographs.jpegs(22, **_SMALL))
  assert first == list(photographs.jpegs(22, **_SMALL))
  assert len(set(first)) == 22
  assert not set(first) & set(photographs.jpegs(22, **_SMALL, seed=1))
  assert {_pixels(file).shape for file in first} == {(48, 64, 3)}


def test_a_file_is_as_large_as_wanted():
  for wanted in (20, 110):
    files = list(photographs.jpegs(11, kilobytes=wanted))
    assert {_pixels(file).shape for file in files} == {(375, 500, 3)}
    sizes = np.array([len(file) for file in files]) / 1000
    np.testing.assert_allclose(sizes, wanted, rtol=0.2)
    np.testing.assert_allclose(sizes.mean(), wanted, rtol=0.05)


def test_no_other_quality_comes_nearer():
  photo = photographs.photos()[1].resize((200, 150))
  found = photographs.encode_to_size(photo, 20)
  every = [len(photographs.encode(photo, q)) for q in range(1, 101)]
  assert abs(len(found) - 20_000) == min(abs(size - 20_000) for size in every)


def test_archives_are_laid_out_as_imagenet(tmp_path):
  photographs.write_archives(
    tmp_path, classes=3, per_class=2, validation=5, **_SMALL
  )
  _, labels = photographs.synsets()
  train = _members((tmp_path / "ILSVRC2012_img_train.tar").open("rb"))
  assert list(train) == sorted(f"{name}.tar" for name in labels[:3])
  for name, inner in train.items():
    stem = name.removesuffix(".tar")
    files = _members(io.BytesIO(inner))
    assert list(files) == [f"{stem}_1.JPEG", f"{stem}_2.JPEG"]
    assert {_pixels(file).shape for file in files.values()} == {(48, 64, 3)}
  validation = _members((tmp_path / "ILSVRC2012_img_val.tar").open("rb"))
  assert list(validation) == [
    f"ILSVRC2012_val_{i:08d}.JPEG" for i in range(1, 6)
  ]


def test_classes_can_be_learnt(tmp_path):
  count = 40
  photographs.write_archives(
    tmp_path, classes=count, per_class=8, validation=count, **_SMALL
  )
  train = _members((tmp_path / "ILSVRC2012_img_train.tar").open("rb"))
  names = [name.removesuffix(".tar") for name in train]
  means = np.array(
    [
      np.mean([_colours(f) for f in _members(io.BytesIO(t)).values()], 0)
      for t in train.values()
    ]
  )
  validation = _members((tmp_path / "ILSVRC2012_img_val.tar").open("rb"))
  _, labels = photographs.synsets()
  right = []
  for label, file in zip(labels, validation.values(), strict=False):
    nearest = np.linalg.norm(means - _colours(file), axis=1).argmin()
    right.append(names[nearest] == label)
  assert np.mean(right) > 0.6  # by chance: 0.025


def test_the_command_says_what_it_wrote(tmp_path):
  command = [sys.executable, str(_PATH), f"--out={tmp_path}", "--size=32x24"]
  small = ["--kilobytes=0", "--classes=2", "--per_class=3", "--validation=4"]
  done = subprocess.run(command + small, capture_output=True, text=True)
  assert done.returncode == 0, done.stderr
  assert re.match(r"2 classes x 3 training images, 4 validation", done.stdout)
  done = subprocess.run(
    [*command, "--classes=1001"], capture_output=True, text=True
  )
  assert done.returncode == 2
  assert "1 to 1000 --classes" in done.stderr


def test_a_missing_package_is_named(monkeypatch):
  monkeypatch.setattr(photographs, "_PHOTOS", {"no_such_package": ("", ())})
  with pytest.raises(FileNotFoundError, match="no_such_package"):
    photographs.photos.__wrapped__()
