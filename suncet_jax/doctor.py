"""`python -m suncet_jax.doctor`: reports on this installation.

Prints versions, devices, the convolution and the resize in use, and how to get
faster ones. Changes nothing.
"""

import argparse
import importlib.metadata
import platform
from collections.abc import Iterator, Sequence

import jax

from suncet_jax import convolution
from suncet_jax.console import program, streams, terminal
from suncet_jax.data.images import resample
from suncet_jax.devices import cpu
from suncet_jax.devices.host import available_cpus

_PACKAGES = (
  *("suncet_jax", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint"),
  # TensorFlow has one name or the other.
  *("tensorflow", "tensorflow-cpu", "tensorflow-datasets", "pillow"),
  # Compilers of suncet_jax.preflight.
  *("libtpu", "jax-cuda12-plugin"),
)


def main(arguments: Sequence[str] | None = None) -> None:
  """Prints the report.

  Args:
    arguments: Command line without the program; None means that of this
      process.
  """
  streams.prepare()
  argparse.ArgumentParser(
    prog=program.name("python -m suncet_jax.doctor"),
    description="Says what this installation computes with, and why.",
  ).parse_args(arguments)
  devices = jax.devices()
  rows = [
    ("packages", ", ".join(_versions())),
    ("Python", f"{platform.python_version()} on {_system()}"),
    ("devices", f"{len(devices)} x {devices[0].device_kind}"),
    ("convolution", "{} ({})".format(*convolution.in_use())),
    ("bfloat16", _bfloat16(devices[0].platform)),
    ("resize", "{} ({})".format(*resample.in_use())),
  ]
  terminal.show(
    "\n".join(f"{title:12} {value}" for title, value in rows),
    lambda: terminal.table(("", ""), rows, are_numbers=False),
  )


def _versions() -> Iterator[str]:
  for package in _PACKAGES:
    try:
      yield f"{package} {importlib.metadata.version(package)}"
    except importlib.metadata.PackageNotFoundError:
      continue


def _bfloat16(device_platform: str) -> str:
  """Returns what `precision=bfloat16` and `matmul_dtype` are computed in."""
  if device_platform != "cpu":
    return "computed in bfloat16"
  if cpu.has_bfloat16():
    return "computed in bfloat16 (this CPU has instructions for it)"
  return (
    "rounded to bfloat16, computed in float32 (this CPU is not known to have"
    " instructions for bfloat16): no faster than precision=float32"
  )


def _system() -> str:
  return (
    f"{platform.system()} {platform.machine()} with {available_cpus()} CPUs"
  )


if __name__ == "__main__":
  main()
