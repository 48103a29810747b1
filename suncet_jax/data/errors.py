"""Errors in reading data during a run."""

from suncet_jax.errors import RunError, UserError


class DataError(RunError):
  """Images are no longer available; the training so far is worth saving."""


class ReadError(DataError):
  """Disk or network failed to deliver an image, after several tries."""


class TooManyBadImagesError(DataError):
  """More images than `data.max_bad_fraction` cannot be decoded."""


class ImageError(UserError):
  """An image, or a video, cannot be decoded."""
