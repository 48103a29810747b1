"""Draws the pictures of views in the documents.

    python tools/draw_views.py [METHOD ...] [FOLDER ...]

For a method: Fashion-MNIST images beside the views that
`configs/fashion_mnist.py` makes of them, as in the report of a run. For the
folder of a finished run: what the networks beside its encoder draw. Without
either: those of all methods with a page, and weak and strong views of
photographs, china.jpg and flower.jpg, which come with scikit-learn and may be
shared with attribution (CC BY 2.0).
"""

import dataclasses
import pathlib
import sys

import jax
import numpy as np
from PIL import Image, ImageDraw
from sklearn.datasets import load_sample_image

from suncet_jax.compare.entries import Entry
from suncet_jax.compare.recipe import Recipe
from suncet_jax.data.augment import Augmentation, augment
from suncet_jax.report import load_data
from suncet_jax.train.experiment import build
from suncet_jax.train.sample_views import sample_views

_DOCS = pathlib.Path(__file__).resolve().parents[1] / "docs"
_ROWS, _GAP, _TITLE = 4, 4, 14  # images, then pixels
_SIZE, _SHORT = 96, 110  # of a photograph: the middle of a smaller picture
_WEAK = Augmentation(
  _SIZE,
  crop_scale=None,
  pad_crop=12,
  jitter_prob=0.0,
  grayscale_prob=0.0,
  blur_prob=0.0,
)
_STRONG = dataclasses.replace(_WEAK, operations=2, cutout=0.5)


def main(names: list[str]) -> None:
  """Draws the pictures."""
  folders = [name for name in names if (pathlib.Path(name) / "report").is_dir()]
  for folder in folders:
    _save(pathlib.Path(folder).name, _drawn(folder), kind="drawn")
  methods = [name for name in names if name not in folders]
  if not names:
    methods = [path.stem for path in sorted(_DOCS.glob("methods/*.md"))]
    _save("weak-strong", _picture(*_photographs(), scale=1))
  recipe = Recipe("configs/fashion_mnist.py", {})
  for method in methods:
    experiment = build(recipe.load(Entry(method), 10, 0))
    _save(method, _picture(*sample_views(experiment), scale=3))


def _drawn(folder: str) -> Image.Image:
  """Returns what the networks of a run drew, row by row."""
  data = load_data(folder)
  assert data is not None, "the run is not finished"
  titles = [str(column) for column in range(data.drawn.shape[1])]
  return _picture(data.drawn, titles, scale=6, rows=len(data.drawn))


def _photographs() -> tuple[np.ndarray, list[str]]:
  """Returns photographs beside a weak and four strong views, and titles."""
  rows = [
    _with_views(_photograph(name), seed)
    for seed, name in enumerate(("china.jpg", "flower.jpg"))
  ]
  return np.stack(rows), [
    "image",
    "weak",
    *(f"strong {i + 1}" for i in range(4)),
  ]


def _photograph(name: str) -> np.ndarray:
  """Returns the middle of a photograph, uint8 [96, 96, 3]."""
  image = Image.fromarray(load_sample_image(name))
  scale = _SHORT / min(image.size)
  image = image.resize([round(side * scale) for side in image.size])
  left, top = ((side - _SIZE) // 2 for side in image.size)
  return np.asarray(image)[top : top + _SIZE, left : left + _SIZE]


def _with_views(photograph: np.ndarray, seed: int) -> np.ndarray:
  keys = jax.random.split(jax.random.key(seed), 5)
  images = np.stack([photograph] * len(keys))
  made = np.concatenate(
    [
      augment(images[:1], keys[:1], _WEAK),
      augment(images[1:], keys[1:], _STRONG),
    ]
  )
  return np.concatenate([photograph[None], np.round(made * 255)]).astype(
    np.uint8
  )


def _picture(
  images: np.ndarray, titles: list[str], *, scale: int, rows: int = _ROWS
) -> Image.Image:
  """Returns images [n, v, h, w, c] in rows, enlarged, with the titles above."""
  images = images[:rows]
  side = images.shape[2] * scale
  width = len(titles) * (side + _GAP) - _GAP
  height = _TITLE + len(images) * (side + _GAP) - _GAP
  picture = Image.new("RGB", (width, height), "white")
  draw = ImageDraw.Draw(picture)
  for column, title in enumerate(titles):
    x = column * (side + _GAP)
    draw.text((x, 0), title, "black")
    for row in range(len(images)):
      pixels = images[row, column].repeat(scale, 0).repeat(scale, 1)
      tile = Image.fromarray(np.broadcast_to(pixels, (side, side, 3)).copy())
      picture.paste(tile, (x, _TITLE + row * (side + _GAP)))
  return picture


def _save(name: str, picture: Image.Image, kind: str = "views") -> None:
  path = _DOCS / "images" / f"{kind}-{name}.png"
  picture.save(path, optimize=True)
  print(path)


if __name__ == "__main__":
  main(sys.argv[1:])
