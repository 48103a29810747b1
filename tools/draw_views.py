"""Draws the pictures of views in docs/methods/.

    python tools/draw_views.py [METHOD ...]

Each shows Fashion-MNIST images beside the views that `configs/fashion_mnist.py`
makes of them for a method, as `report.html` of a run does.
"""

import pathlib
import sys

import numpy as np
from PIL import Image, ImageDraw

from suncet_jax import plugins
from suncet_jax.compare.entries import Entry
from suncet_jax.compare.recipe import Recipe
from suncet_jax.train.experiment import build
from suncet_jax.train.sample_views import sample_views

_OUT = pathlib.Path(__file__).resolve().parents[1] / "docs" / "images"
_ROWS, _SCALE, _GAP, _TITLE = 4, 3, 4, 14  # images, then pixels


def main(methods: list[str]) -> None:
  """Draws a picture per method."""
  recipe = Recipe("configs/fashion_mnist.py", {})
  for method in methods or plugins.method_names():
    experiment = build(recipe.load(Entry(method), 10, 0))
    path = _OUT / f"views-{method}.png"
    _picture(*sample_views(experiment)).save(path, optimize=True)
    print(path)


def _picture(images: np.ndarray, titles: list[str]) -> Image.Image:
  """Returns images [n, v, h, w, c] in rows, with the titles above."""
  side = images.shape[2] * _SCALE
  width = len(titles) * (side + _GAP) - _GAP
  height = _TITLE + _ROWS * (side + _GAP) - _GAP
  picture = Image.new("RGB", (width, height), "white")
  draw = ImageDraw.Draw(picture)
  for column, title in enumerate(titles):
    x = column * (side + _GAP)
    draw.text((x, 0), title, "black")
    for row in range(_ROWS):
      pixels = images[row, column].repeat(_SCALE, 0).repeat(_SCALE, 1)
      tile = Image.fromarray(np.broadcast_to(pixels, (side, side, 3)).copy())
      picture.paste(tile, (x, _TITLE + row * (side + _GAP)))
  return picture


if __name__ == "__main__":
  main(sys.argv[1:])
