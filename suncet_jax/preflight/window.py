"""The window of a convolution: how much of it lies on the images."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_WINDOW = re.compile(r"window=\{([^}]*)\}")


class Axis(NamedTuple):
  """One axis of a window.

  Attributes:
    size: Number of entries.
    stride: Distance of neighbouring places of the window.
    low: Padding before the images.
    image_dilation: Distance of neighbouring pixels, with zeros in between.
    dilation: Distance of neighbouring entries.
  """

  size: int
  stride: int = 1
  low: int = 0
  image_dilation: int = 1
  dilation: int = 1

  def share(self, extent: int, places: int) -> float:
    """Returns the share of entries, over all places, that meet a pixel.

    Args:
      extent: Number of pixels along the axis.
      places: Number of places of the window.
    """
    starts = np.arange(places)[:, None] * self.stride - self.low
    positions = starts + np.arange(self.size) * self.dilation
    last = (extent - 1) * self.image_dilation
    meets = (positions >= 0) & (positions <= last)
    return float((meets & (positions % self.image_dilation == 0)).mean())


def axes(text: str) -> list[Axis]:
  """Returns the axes of a convolution's window.

  Args:
    text: Text of the instruction.
  """
  found = _WINDOW.search(text)
  fields = dict(each.split("=") for each in found[1].split()) if found else {}
  names = ("size", "stride", "pad", "lhs_dilate", "rhs_dilate")
  given = {
    # Of padding, "low_high", the first.
    field: [int(each.split("_")[0]) for each in fields[name].split("x")]
    for field, name in zip(Axis._fields, names, strict=True)
    if name in fields
  }
  return [
    Axis(**dict(zip(given, numbers, strict=True)))
    for numbers in zip(*given.values(), strict=True)
  ]


def share_on_images(
  text: str, images: Sequence[int], places: Sequence[int]
) -> float:
  """Returns the share of a convolution's products that are not with padding.

  A compiler may write a gradient as a convolution whose window is as large as
  the images, nearly all of it beyond them, or with zeros between pixels.

  Args:
    text: Text of the instruction.
    images: Extents of the images.
    places: Extents of the result.
  """
  share = 1.0
  for axis, extent, count in zip(axes(text), images, places, strict=True):
    share *= axis.share(extent, count)
  return share
