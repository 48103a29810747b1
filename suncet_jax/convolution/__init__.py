"""One convolution, the fastest implementation that fits.

XLA's own on every platform; on the CPU, where it is slow, oneDNN's if the
native part of this package was built. Both compute the same function.
"""

from suncet_jax.convolution.convolve import convolve
from suncet_jax.convolution.description import in_use
from suncet_jax.convolution.library import Status, status

__all__ = ["Status", "convolve", "in_use", "status"]
