"""Counts images that cannot be decoded, and stops a run that has too many."""

import threading

from absl import logging

from suncet_jax.data.errors import TooManyBadImagesError

_NAMED = 5


class BadImages:
  """The images of one source that could not be decoded; for many threads."""

  def __init__(self, total: int, max_fraction: float) -> None:
    """Nothing is bad yet.

    Args:
      total: Number of images of the source.
      max_fraction: Share of them that may be bad.
    """
    self._total, self._max_fraction = total, max_fraction
    self._names: dict[int, str] = {}
    self._lock = threading.Lock()

  def __len__(self) -> int:
    """Returns how many different images were bad so far."""
    return len(self._names)

  def add(self, index: int, name: str, reason: str) -> None:
    """Notes an image, and warns of it the first time.

    Args:
      index: Which image it is.
      name: How to call it.
      reason: Why it cannot be decoded.

    Raises:
      TooManyBadImagesError: If it is one too many.
    """
    with self._lock:
      if index in self._names:
        return
      self._names[index] = name
      count = len(self._names)
    logging.warning(
      "Image %s cannot be decoded (%s): a grey one stands in for it. Bad so "
      "far: %d of %d images.",
      name,
      reason,
      count,
      self._total,
    )
    if count > self._max_fraction * self._total:
      first = ", ".join(list(self._names.values())[:_NAMED])
      raise TooManyBadImagesError(
        f"{count} of {self._total:,} images cannot be decoded, more than the "
        f"share {self._max_fraction:g} that --config.data.max_bad_fraction "
        f"allows; the first are {first}. Mend or remove them; python -m "
        "suncet_jax.data.check lists all."
      )
