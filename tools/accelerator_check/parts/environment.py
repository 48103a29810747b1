"""Environment: devices, driver, versions."""

import importlib.metadata
import platform
import shutil
import subprocess
from typing import Any

import jax

from tools.accelerator_check.context import ROOT, Context

_PACKAGES = (
  "jax",
  "jaxlib",
  "jax-cuda13-plugin",
  "jax-cuda12-plugin",
  "nvidia-cudnn-cu13",
  "nvidia-cudnn-cu12",
  "flax",
  "optax",
  "suncet_jax",
  "torch",
)
_QUERY = "name,driver_version,memory.total,power.limit"


def run(context: Context) -> None:
  """Tells the environment.

  Args:
    context: Surroundings of the part.
  """
  context.tell(
    python=platform.python_version(),
    machine=f"{platform.system()} {platform.machine()}",
    commit=_said_by("git", "-C", str(ROOT), "rev-parse", "HEAD"),
    driver=_said_by(
      "nvidia-smi", f"--query-gpu={_QUERY}", "--format=csv,noheader"
    ),
    versions=_versions(),
  )
  context.tell(devices=[_device(each) for each in jax.devices()])


def _device(device: jax.Device) -> dict[str, Any]:
  stats = device.memory_stats() or {}  # None on CPUs
  return {
    "kind": device.device_kind,
    "platform": device.platform,
    "bytes_limit": stats.get("bytes_limit"),
  }


def _versions() -> dict[str, str]:
  installed = {
    each.metadata["Name"].lower().replace("_", "-"): each.version
    for each in importlib.metadata.distributions()
  }
  return {
    name: installed[key]
    for name in _PACKAGES
    if (key := name.replace("_", "-")) in installed
  }


def _said_by(*command: str) -> str | None:
  """Returns what a program prints; None where it is not, or fails."""
  if not shutil.which(command[0]):
    return None
  done = subprocess.run(
    command, capture_output=True, text=True, check=False, timeout=20
  )
  return done.stdout.strip() if done.returncode == 0 else None
