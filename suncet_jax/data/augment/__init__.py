"""Image augmentation on the device, inside the jitted training step.

One `Augmentation` says what is drawn, `augment` draws it per image from one
PRNG key per image, and `to_float` prepares images for evaluation.
"""

from suncet_jax.data.augment.transform import augment, to_float
from suncet_jax.data.views import Augmentation

__all__ = ["Augmentation", "augment", "to_float"]
