"""Errors of data that a run is reading."""

from suncet_jax.errors import RunError, UserError


class DataError(RunError):
  """A run cannot get its images any more; what is trained is worth saving."""


class ReadError(DataError):
  """Disk or network did not give an image, after several tries."""


class TooManyBadImagesError(DataError):
  """More images than `data.max_bad_fraction` cannot be decoded."""


class ImageError(UserError):
  """An image cannot be decoded."""
