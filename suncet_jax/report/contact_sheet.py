"""Contact sheets: small images with captions, in one PNG file."""

import io
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

_TEXT, _PAPER, _GREY = (32, 32, 32), (255, 255, 255), (128, 128, 128)
_SIDE = 112  # pixels of a tile
_GAP = 8
_FONT_SIZE = 13
_LINE = 18  # pixels of a line of text


class Tile(NamedTuple):
  """An image of a sheet.

  Attributes:
    image: Image, uint8 [h, w, c] with c 1 (grey) or 3.
    lines: Lines of text below it; what is too wide is cut.
  """

  image: np.ndarray
  lines: tuple[str, ...] = ()


class Group(NamedTuple):
  """Images of a sheet that belong together.

  Attributes:
    title: Line of text above them; empty for none.
    tiles: Images, row by row.
  """

  title: str
  tiles: Sequence[Tile]


def contact_sheet(groups: Sequence[Group], columns: int = 8) -> bytes:
  """Returns the PNG file of a sheet.

  Args:
    groups: Groups of images, from above to below.
    columns: Number of images in a row.
  """
  drawn = [_drawn(group, columns) for group in groups]
  width = max(picture.width for picture in drawn)
  height = sum(picture.height for picture in drawn)
  sheet = Image.new("RGB", (width, height), _PAPER)
  top = 0
  for picture in drawn:
    sheet.paste(picture, (0, top))
    top += picture.height
  file = io.BytesIO()
  sheet.save(file, "png", optimize=True)
  return file.getvalue()


def _drawn(group: Group, columns: int) -> Image.Image:
  """Returns a group as wide as a full row."""
  lines = max((len(tile.lines) for tile in group.tiles), default=0)
  step = _SIDE + _GAP, _SIDE + _GAP + lines * _LINE
  top = _GAP + _LINE * bool(group.title)
  rows = -(-len(group.tiles) // columns)
  size = _GAP + columns * step[0], top + rows * step[1]
  picture = Image.new("RGB", size, _PAPER)
  pen, font = ImageDraw.Draw(picture), ImageFont.load_default(_FONT_SIZE)
  pen.text((_GAP, _GAP // 2), group.title, _TEXT, font)
  for number, tile in enumerate(group.tiles):
    row, column = divmod(number, columns)
    left, upper = _GAP + column * step[0], top + row * step[1]
    picture.paste(_square(tile.image), (left, upper))
    for line, text in enumerate(tile.lines):
      place = left, upper + _SIDE + 2 + line * _LINE
      pen.text(place, _fitting(text, font), _TEXT, font)
  return picture


def _square(image: np.ndarray) -> Image.Image:
  """Returns an image, scaled, on a square of grey."""
  pixels = image.squeeze(-1) if image.shape[-1] == 1 else image
  picture = Image.fromarray(pixels).convert("RGB")
  return ImageOps.pad(picture, (_SIDE, _SIDE), color=_GREY)


def _fitting(
  text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> str:
  """Returns as much of a text as a tile is wide, with dots for the rest."""
  if font.getlength(text) <= _SIDE:
    return text
  while text and font.getlength(text + "...") > _SIDE:
    text = text[:-1]
  return text + "..."
