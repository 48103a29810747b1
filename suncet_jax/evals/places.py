"""Whether attention points to what sounds, and frames to their sounds."""

import numpy as np


def place_shares(region: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
  """Returns the share of each place that a region covers.

  Args:
    region: Pixels of the region in each frame, bool [n, t, h, w].
    grid: Number of places of a column and of a row.

  Returns:
    Shares [n, p, q], means over pixels and frames. A place is what is nearest
    to it, where the numbers of pixels are no multiples.
  """
  covered = region.mean(axis=1)
  for axis, count in enumerate(grid, start=1):
    size = covered.shape[axis]
    owners = np.arange(size) * count // size
    covered = np.stack(
      [
        covered.compress(owners == place, axis=axis).mean(axis=axis)
        for place in range(count)
      ],
      axis=axis,
    )
  return covered


def pointing(attention: np.ndarray, region: np.ndarray) -> tuple[float, float]:
  """Measures how often the largest attention lies on a region.

  A place counts if the region covers it at least half as much as the place that
  it covers most.

  Args:
    attention: Weights of places, [n, p, q].
    region: Pixels of the region in each frame, bool [n, t, h, w].

  Returns:
    (fraction of clips, the same of a place drawn at random).
  """
  shares = place_shares(region, attention.shape[1:])
  flat = shares.reshape(len(shares), -1)
  is_hit = flat >= 0.5 * flat.max(axis=1, keepdims=True)
  chosen = attention.reshape(len(attention), -1).argmax(axis=1)
  return float(is_hit[np.arange(len(chosen)), chosen].mean()), float(
    is_hit.mean()
  )


def synchrony(scores: np.ndarray) -> float:
  """Measures how often the sounds of a frame choose it among all of the clip.

  Args:
    scores: Scores [n, t, t] of frame i with the sounds of frame j.

  Returns:
    Fraction of frames; 1 / t by chance.
  """
  chosen = scores.argmax(axis=1)
  return float((chosen == np.arange(scores.shape[2])).mean())
