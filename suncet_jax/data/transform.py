"""Protocol of a transform, which makes a view of what a source gives."""

from typing import Any, Protocol

import jax

from suncet_jax.data.source import Crop


class Transform(Protocol):
  """Recipe of one kind of view; hashable, static under jit.

  Rows are what a source gives for the images or clips of a batch: an array
  with the rows first, or a tree of such arrays. `augment.view.View` is the
  transform of images, `clips.clip.Clip` that of clips.
  """

  def view(self, rows: Any, keys: jax.Array) -> Any:
    """Draws a view of each row; for use inside a jitted step.

    Args:
      rows: Rows that the source provides.
      keys: Typed PRNG keys [b].

    Returns:
      Array or tree of arrays for the network, float32, rows first.
    """
    ...

  def plain(self, rows: Any) -> Any:
    """Returns what evaluation gives to the network: nothing is drawn.

    Args:
      rows: Rows that the source provides for evaluation.
    """
    ...

  def host_crop(self) -> Crop | None:
    """Returns the crop for the source to make; None: it gives whole rows."""
    ...

  def example(self, row_shape: Any) -> Any:
    """Returns the shapes of a view of one row, `jax.ShapeDtypeStruct`.

    Args:
      row_shape: `Source.row_shape` of the source.

    Returns:
      One for an image, [1, h, w, c]; else a tree as `view` returns it.
    """
    ...
