"""Convolution by the fastest implementation that is available.

On every platform that is XLA's. On the CPU, where XLA's is slow, it is oneDNN's
if the native part of this package was built. Both compute the same function.
"""

from suncet_jax.convolution.convolve import convolve
from suncet_jax.convolution.description import in_use
from suncet_jax.convolution.library import Status, status

__all__ = ["Status", "convolve", "in_use", "status"]
