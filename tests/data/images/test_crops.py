"""Crops on the host: their places, their pixels, the centre of evaluation."""

import image_files
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from suncet_jax.data.augment.geometry import sample_boxes
from suncet_jax.data.images import crops
from suncet_jax.data.source import Crop

_SCALE, _RATIO = (0.08, 1.0), (3 / 4, 4 / 3)


@pytest.mark.parametrize("size", [(60, 80), (375, 500), (40, 300), (9, 9)])
def test_boxes_are_those_of_the_device(size):
  units = np.random.RandomState(0).rand(200, 22)
  ours = [crops.sample_box(u, size, Crop(32, _SCALE, _RATIO)) for u in units]
  boxes = sample_boxes(jnp.asarray(units, jnp.float32), size, _SCALE, _RATIO)
  theirs = np.stack([boxes.left, boxes.top, boxes.width, boxes.height], 1)
  # float32 rounds a few of them to the next pixel.
  assert (np.asarray(ours) == theirs).all(axis=1).mean() > 0.97
  assert np.abs(np.asarray(ours) - theirs).max() <= 1


def test_areas_and_ratios_fill_their_ranges():
  size = (400, 400)  # square: hardly any try fails
  units = np.random.RandomState(1).rand(4000, 22)
  boxes = np.array(
    [crops.sample_box(u, size, Crop(32, (0.08, 0.5), _RATIO)) for u in units]
  )
  area = boxes[:, 2] * boxes[:, 3] / 160_000
  ratio = np.log(boxes[:, 2] / boxes[:, 3]) / np.log(4 / 3)
  for values, low, high in ((area, 0.08, 0.5), (ratio, -1.0, 1.0)):
    share = np.sort((values - low) / (high - low))
    uniform = (np.arange(4000) + 0.5) / 4000
    assert np.abs(share - uniform).max() < 0.03  # Kolmogorov-Smirnov
  assert (boxes[:, :2] >= 0).all()
  assert (boxes[:, 0] + boxes[:, 2] <= 400).all()
  assert (boxes[:, 1] + boxes[:, 3] <= 400).all()


def _views(encoded, draws, *views):
  outs = [np.empty((v.size, v.size, 3), np.uint8) for v in views]
  crops.write_crops(encoded, draws, views, outs)
  return outs


def test_views_are_crops_that_pillow_resizes():
  pixels = image_files.photograph()
  draws = np.random.RandomState(2).rand(2, 22)
  views = Crop(32, _SCALE, _RATIO), Crop(18, (0.05, 0.14), _RATIO)
  made = _views(image_files.encode(pixels), draws, *views)
  for view, unit, out in zip(views, draws, made, strict=True):
    left, top, width, height = crops.sample_box(unit, (60, 80), view)
    part = pixels[top : top + height, left : left + width]
    size = (view.size, view.size)
    expected = Image.fromarray(part).resize(size, Image.Resampling.BILINEAR)
    # Pillow 13 rounds between its two passes in another order than before.
    assert np.abs(out.astype(int) - np.asarray(expected)).max() <= 1


def test_a_large_jpeg_decoded_at_a_fraction_gives_nearly_the_same():
  pixels = np.asarray(
    Image.fromarray(image_files.photograph(100, 150)).resize((600, 400))
  )
  draws = np.random.RandomState(3).rand(2, 22)
  view = Crop(40, (0.3, 1.0), _RATIO)
  (small, _) = _views(
    image_files.encode(pixels, "JPEG", quality=98, subsampling=0),
    draws,
    view,
    view,
  )
  (whole, _) = _views(image_files.encode(pixels), draws, view, view)
  assert (small != whole).any()
  assert np.corrcoef(small.ravel(), whole.ravel())[0, 1] > 0.97


@pytest.mark.parametrize("size", [(60, 80), (81, 60), (57, 57), (20, 31)])
def test_the_centre_is_that_of_torchvision(size):
  pixels = image_files.photograph(*size)
  height, width = size
  short = min(size)
  # Resize(36) and CenterCrop(32), by their definition.
  tall, wide = height * 36 // short, width * 36 // short
  resized = Image.fromarray(pixels).resize(
    (wide, tall), Image.Resampling.BILINEAR
  )
  top, left = round((tall - 32) / 2), round((wide - 32) / 2)
  expected = np.asarray(resized)[top : top + 32, left : left + 32]
  ours = crops.centre(image_files.encode(pixels), 36, 32)
  assert np.abs(ours.astype(int) - expected).max() <= 1
