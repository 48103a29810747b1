"""Parts of our time from a JPEG file to two views."""

import dataclasses
import functools
import io
import operator
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import numpy as np
from PIL import Image

from benchmarks.harness.workers import Done
from benchmarks.input.images import ROWS, jpegs
from suncet_jax.data.augment import Augmentation, augment
from suncet_jax.data.augment.draw import DRAWS_PER_CROP
from suncet_jax.data.images.crops import Box, sample_box, write_crops
from suncet_jax.data.images.decode import EncodedImage
from suncet_jax.data.images.resample import crop_and_resize
from suncet_jax.data.source import Crop
from suncet_jax.devices.host import keep_freed_memory

_ROW = ROWS["jpegs"]
_TURNS = 9
_VIEWS = 2

# Seconds of CPU time of each part, turn by turn.
Laps = dict[str, list[float]]


def make() -> Done:
  """Measures the parts; the facts are milliseconds per image by part."""
  keep_freed_memory()
  files = jpegs(_ROW.images)
  augmentation = Augmentation.from_config(_ROW.augment)
  seconds = _host(files, augmentation) | _device(augmentation)
  return Done(
    {
      name: 1e3 * statistics.median(laps[1:]) / len(files)
      for name, laps in seconds.items()
    }
  )


def _host(files: list[bytes], augmentation: Augmentation) -> Laps:
  """Makes two crops of each file, again and again."""
  assert augmentation.crop_scale is not None
  size = augmentation.size
  crop = Crop(size, augmentation.crop_scale, augmentation.crop_ratio)
  draws = np.random.default_rng(0).random((len(files), _VIEWS, DRAWS_PER_CROP))
  laps: Laps = {}
  for _ in range(_TURNS):
    _host_turn(laps, files, draws, crop)
  return laps


def _host_turn(
  laps: Laps, files: list[bytes], draws: np.ndarray, crop: Crop
) -> None:
  """Does the work of `write_crops`, one part after the other for all files."""
  rows, size = range(len(files)), (crop.size, crop.size)
  outs = list(np.empty((_VIEWS, *size, 3), np.uint8))

  def draw(i: int) -> list[Box]:
    return [sample_box(unit, heads[i].size, crop) for unit in draws[i]]

  def resize(i: int) -> None:
    for box, out in zip(boxes[i], outs, strict=True):
      crop_and_resize(pixels[i], box, size, out=out)

  def whole(i: int) -> None:
    write_crops(files[i], draws[i], (crop,) * _VIEWS, outs)

  heads = _timed(laps, "open the file", EncodedImage, files)
  boxes = _timed(laps, "draw the crops", draw, rows)
  images = [Image.open(io.BytesIO(file)) for file in files]
  _timed(laps, "decode", operator.methodcaller("load"), images)
  pixels = _timed(laps, "copy to an array", np.asarray, images)
  _timed(laps, "resize", resize, rows)
  _timed(laps, "host, all of it", whole, rows)


def _device(augmentation: Augmentation) -> Laps:
  """Makes views of the host's crops, with all operations and without some."""
  cropped = dataclasses.replace(augmentation, crop_scale=None)
  variants: Mapping[str, Augmentation] = {
    "device, all of it": cropped,
    "device, without blur": dataclasses.replace(cropped, blur_prob=0.0),
    "device, without jitter": dataclasses.replace(cropped, jitter_prob=0.0),
  }
  shape = (_ROW.images, cropped.size, cropped.size, 3)
  views = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
  keys = jax.random.split(jax.random.key(0), _ROW.images)
  laps: Laps = {}
  for _ in range(_TURNS):
    for name, variant in variants.items():
      make_view = functools.partial(_make_view, views, variant)
      _timed(laps, name, make_view, [keys] * _VIEWS)
  return laps


def _make_view(
  images: np.ndarray, augmentation: Augmentation, keys: jax.Array
) -> None:
  jax.block_until_ready(augment(images, keys, augmentation))


def _timed(
  laps: Laps, name: str, work: Callable[[Any], Any], items: Iterable[Any]
) -> list[Any]:
  """Does the work on all items; returns the results and notes the time."""
  start = time.process_time()
  results = [work(item) for item in items]
  laps.setdefault(name, []).append(time.process_time() - start)
  return results
