"""Draws weak and strong views of photographs, for docs/data.md.

    python tools/picture_of_views.py --out=docs/images/views-weak-strong.png

The photographs are china.jpg and flower.jpg, which come with scikit-learn and
may be shared with attribution (CC BY 2.0). Each line shows the original, a weak
view and four strong ones.
"""

import argparse
import dataclasses

import jax
import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

from suncet_jax.data.augment import Augmentation, augment

_SIZE, _SHORT, _GAP = 96, 110, 4  # pixels; the middle of a smaller picture
_STRONG_VIEWS = 4
_WEAK = Augmentation(
  _SIZE,
  crop_scale=None,
  pad_crop=12,
  jitter_prob=0.0,
  grayscale_prob=0.0,
  blur_prob=0.0,
)
_STRONG = dataclasses.replace(_WEAK, operations=2, cutout=0.5)


def _photograph(name: str) -> np.ndarray:
  """Returns the middle of a photograph, uint8 [96, 96, 3]."""
  image = Image.fromarray(load_sample_image(name))
  scale = _SHORT / min(image.size)
  image = image.resize([round(side * scale) for side in image.size])
  left, top = ((side - _SIZE) // 2 for side in image.size)
  return np.asarray(image)[top : top + _SIZE, left : left + _SIZE]


def _line(photograph: np.ndarray, seed: int) -> np.ndarray:
  """Returns original, weak and strong views beside each other."""
  keys = jax.random.split(jax.random.key(seed), 1 + _STRONG_VIEWS)
  images = np.stack([photograph] * len(keys))
  made = np.concatenate(
    [
      augment(images[:1], keys[:1], _WEAK),
      augment(images[1:], keys[1:], _STRONG),
    ]
  )
  views = np.concatenate([photograph[None], np.round(made * 255)])
  framed = np.pad(
    views, ((0, 0), (0, _GAP), (0, _GAP), (0, 0)), constant_values=255
  )
  return np.concatenate(list(framed), axis=1).astype(np.uint8)


def main() -> None:
  """Draws the picture."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument("--out", required=True)
  parser.add_argument("--seed", type=int, default=0)
  options = parser.parse_args()
  lines = [
    _line(_photograph(name), options.seed + number)
    for number, name in enumerate(("china.jpg", "flower.jpg"))
  ]
  Image.fromarray(np.concatenate(lines)).save(options.out, optimize=True)


if __name__ == "__main__":
  main()
