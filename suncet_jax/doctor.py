"""`python -m suncet_jax.doctor`: what this installation computes with, and why.

Prints versions, devices, the convolution and the resize in use and how to get
faster ones. It changes nothing.
"""

import importlib.metadata
import os
import platform
from collections.abc import Iterator

import jax

from suncet_jax import convolution
from suncet_jax.data import resample

_PACKAGES = (
  *("suncet_jax", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint"),
  # TensorFlow has one name or the other.
  *("tensorflow", "tensorflow-cpu", "tensorflow-datasets"),
)


def main() -> None:
  """Prints the report."""
  devices = jax.devices()
  rows = [
    ("packages", ", ".join(_versions())),
    ("Python", f"{platform.python_version()} on {_system()}"),
    ("devices", f"{len(devices)} x {devices[0].device_kind}"),
    ("convolution", "{} ({})".format(*convolution.in_use())),
    ("resize", "{} ({})".format(*resample.in_use())),
  ]
  for title, value in rows:
    print(f"{title:12} {value}")


def _versions() -> Iterator[str]:
  for package in _PACKAGES:
    try:
      yield f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
      continue


def _system() -> str:
  has_affinity = hasattr(os, "sched_getaffinity")
  # The CPUs that this process may use, not those of the machine.
  cpus = len(os.sched_getaffinity(0)) if has_affinity else os.cpu_count()
  return f"{platform.system()} {platform.machine()} with {cpus} CPUs"


if __name__ == "__main__":
  main()
