"""What can go wrong with data while a run reads it."""


class DataError(RuntimeError):
  """A run cannot get its images any more; what is trained is worth saving."""


class ReadError(DataError):
  """Disk or network did not give an image, after several tries."""


class TooManyBadImagesError(DataError):
  """More images than `data.max_bad_fraction` cannot be decoded."""


class ImageError(ValueError):
  """An image cannot be decoded."""
