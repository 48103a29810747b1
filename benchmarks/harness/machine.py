"""Header of a table of times: machine, versions, date and command."""

import datetime
import importlib.metadata
import os
import pathlib
import platform
import re
import subprocess
import sys
from collections.abc import Sequence

from benchmarks.harness import command
from benchmarks.harness.workers import WorkerError, find_out
from suncet_jax.devices.host import available_cpus

_PACKAGES = (
  "jax",
  "jaxlib",
  "flax",
  "optax",
  "onednn-cpu-gomp",
  "torchvision",
  "pillow",
)


def header(
  *,
  has_torch: bool,
  has_convolution: bool = True,
  packages: Sequence[str] = _PACKAGES,
) -> str:
  """Returns lines on machine, versions, date and command, in Markdown.

  Args:
    has_torch: Whether to name the version of PyTorch.
    has_convolution: Whether networks were measured.
    packages: Packages whose versions matter.
  """
  return "\n".join(
    (
      f"- Machine: {_cpu_model()}, {available_cpus()} CPUs for this process",
      f"- Versions: Python {platform.python_version()}, {_versions(packages)}",
      *([f"- PyTorch: {_torch_version()}"] if has_torch else []),
      *([f"- Convolution, ours: {_convolution()}"] if has_convolution else []),
      f"- Date: {datetime.date.today().isoformat()}",
      f"- Command: `{command.given()}`",
    )
  )


def load() -> str:
  """Returns a line on the load of the machine; call it before measuring."""
  if not hasattr(os, "getloadavg"):  # Windows
    return "Load average at the start: unknown"
  return f"Load average at the start: {os.getloadavg()[0]:.2f} (1 minute)"


def _convolution() -> str:
  # In a process of its own, which may start JAX on the CPU.
  done = subprocess.run(
    [sys.executable, "-m", "suncet_jax.doctor"],
    env={**os.environ, "JAX_PLATFORMS": "cpu"},
    capture_output=True,
    text=True,
    check=True,
  )
  lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
  return lines["convolution"]


def _cpu_model() -> str:
  try:
    text = pathlib.Path("/proc/cpuinfo").read_text()
  except OSError:  # not Linux
    text = ""
  name = re.search(r"model name\s*:\s*(.+)", text)
  return name[1] if name else platform.processor() or platform.machine()


def _versions(packages: Sequence[str]) -> str:
  found = []
  for name in packages:
    try:
      found.append(f"{name} {importlib.metadata.version(name)}")
    except importlib.metadata.PackageNotFoundError:
      found.append(f"no {name}")
  return ", ".join(found)


def _torch_version() -> str:
  """Returns the version of PyTorch, which another process imports."""
  try:
    return find_out("benchmarks.harness.torch_version:make")["version"]
  except WorkerError:
    return "not installed"
