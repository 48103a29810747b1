"""Description of the convolution in use."""

import jax

from suncet_jax.convolution import library


def in_use(
  implementation: str = "auto", dtype: str = "float32"
) -> tuple[str, str]:
  """Returns the library behind `convolve` on the default devices, and why.

  Args:
    implementation: Implementation, as for `convolve`.
    dtype: Dtype of the images.

  Returns:
    ("oneDNN 3.2.0" or "XLA", the reason).
  """
  if implementation == "xla":
    return "XLA", "model.convolution is 'xla'"
  if jax.default_backend() != "cpu":
    return "XLA", f"the devices are {jax.default_backend().upper()}s"
  status = library.status()
  if status.reason:
    slow = "2 to 4 times slower in training than oneDNN: "
    return "XLA", slow + status.reason
  if jax.numpy.dtype(dtype) not in library.DTYPES:
    return "XLA", f"oneDNN {status.version} has no {dtype}"
  if jax.device_count() > 1:
    mesh = f"a mesh of {jax.device_count()} devices, which XLA partitions"
    return "XLA", f"{mesh}; on one of them it is oneDNN {status.version}"
  names = " and ".join(dtype.name for dtype in status.dtypes)
  others = [each.name for each in library.DTYPES if each not in status.dtypes]
  rounded = "".join(
    f"; {name} is rounded to and computed in float32, as this processor has no"
    " instructions for it"
    for name in others
  )
  return f"oneDNN {status.version}", f"one CPU device, {names}{rounded}"
