"""Pixels of image files: grey or in colour, as the network was trained on."""

import image_files
import numpy as np
import pytest
from PIL import Image

from suncet_jax.convert import pixels
from suncet_jax.convert.given import GivenImages
from suncet_jax.convert.weights import Images
from suncet_jax.data.images import crops


@pytest.fixture(scope="module")
def photograph():
  return image_files.photograph(30, 40)


def test_colour_files_are_prepared_as_in_the_evaluation(photograph):
  encoded = image_files.encode(photograph, "JPEG")
  spec = Images(channels=3, size=16, resize=20)
  np.testing.assert_array_equal(
    pixels.decoded(encoded, spec), crops.centre(encoded, 20, 16)
  )


@pytest.mark.parametrize(
  "changes", [{"crop": "floored"}, {"crop": "whole"}, {"resample": "bicubic"}]
)
def test_other_preparations_are_those_of_arrays(photograph, changes):
  spec = Images(channels=3, size=16, resize=20, **changes)
  np.testing.assert_array_equal(
    pixels.decoded(image_files.encode(photograph), spec),
    pixels.prepared(photograph[None], spec)[0],
  )


def test_grey_and_colour_go_into_either_network(photograph):
  grey = photograph[:16, :16, 0]
  colour = image_files.encode(photograph[:16, :16])
  one, three = (Images(channels=c, size=16) for c in (1, 3))
  file = image_files.encode(grey)
  np.testing.assert_array_equal(pixels.decoded(file, one)[..., 0], grey)
  np.testing.assert_array_equal(
    pixels.decoded(file, three), np.repeat(grey[..., None], 3, axis=2)
  )
  luma = Image.fromarray(photograph[:16, :16]).convert("L")
  np.testing.assert_array_equal(pixels.decoded(colour, one)[..., 0], luma)


def test_files_of_any_size_are_cut_to_that_of_the_network(photograph):
  # Arrays are used in the size they come in, files cannot be.
  spec = Images(channels=3, size=16)
  encoded = image_files.encode(photograph)
  assert pixels.decoded(encoded, spec).shape == (16, 16, 3)
  assert pixels.prepared(photograph[None], spec).shape == (1, 30, 40, 3)


def test_one_path_many_paths_or_an_array(tmp_path, photograph):
  path = tmp_path / "x.png"
  path.write_bytes(image_files.encode(photograph))
  spec = Images(channels=3, size=16)
  for given in (path, str(path), [path, str(path)], np.array([str(path)])):
    listed = GivenImages(given, spec)
    assert set(listed.paths) == {str(path)}
    assert next(listed.batches(8)).shape == (listed.count, 16, 16, 3)
  assert GivenImages(photograph[None], spec).paths is None
  (tmp_path / "list.csv").write_text("file\nx.png\n")
  with pytest.raises(ValueError, match="expected a column path, once"):
    GivenImages(tmp_path / "list.csv", spec)
