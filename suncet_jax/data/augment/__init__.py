"""Image augmentation on the device, inside the jitted training step.

`Augmentation` holds the parameters, `augment` draws a view of each image from
one PRNG key per image, and `to_float` prepares images for evaluation;
`normalize` does what both do at the end.
"""

from suncet_jax.data.augment.transform import augment, normalize, to_float
from suncet_jax.data.views import Augmentation

__all__ = ["Augmentation", "augment", "normalize", "to_float"]
