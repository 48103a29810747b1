"""Mirror images."""

import jax

from suncet_jax.data.augment import planes
from suncet_jax.data.augment.planes import Planes


def random_flip(images: Planes, unit: jax.Array, probability: float) -> Planes:
  """Swaps left and right of each image with some probability.

  Args:
    images: c arrays [b, h, w].
    unit: [b, 1] uniform draws, `Draws.flip`.
    probability: Probability of a mirror image.

  Returns:
    c arrays [b, h, w].
  """
  mirrored = tuple(plane[..., ::-1] for plane in images)
  return planes.where(unit[:, 0] < probability, mirrored, images)
