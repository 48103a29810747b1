"""What the preflight says of the memory of the step that was taken."""

import json
import os
import subprocess
import sys
from typing import Any

from suncet_jax.errors import UserError
from suncet_jax.preflight import compilers, targets
from tools.accelerator_check.context import ROOT, Absent, Context


def run(context: Context) -> None:
  """Compiles the same step for such a device, without it.

  Args:
    context: Surroundings of the part.
  """
  device = target_of(context.told("environment"))
  step = context.told("step")
  if "peak_bytes" not in step:
    raise Absent("no step was taken to compare with")
  try:
    compilers.check(targets.one(device))
  except UserError as error:
    raise Absent(str(error)) from error
  folder = context.work / "preflight"
  subprocess.run(
    [
      *(sys.executable, "-m", "suncet_jax.preflight"),
      *("--config=configs/imagenet.py", f"--on={device}", f"--out={folder}"),
      *(f"--config.{name}={value}" for name, value in step["fields"].items()),
    ],
    cwd=ROOT,
    env=os.environ | {"JAX_PLATFORMS": "cpu"},
    check=False,  # 1: it would not fit
  )
  (found,) = json.loads((folder / "preflight.json").read_text())["devices"]
  if not found["compiles"]:
    raise RuntimeError(found["reason"])
  memory = found["steps"][0]["memory"]
  context.tell(device=device, bytes=memory["total"], kinds=memory["bytes"])


def target_of(environment: dict[str, Any]) -> str:
  """Returns the preflight's name for one of this machine's devices.

  Args:
    environment: Facts of the environment.

  Raises:
    Absent: If the preflight does not know the device.
  """
  devices = environment.get("devices") or [{"kind": "unknown"}]
  kind = devices[0]["kind"]
  words = kind.lower().replace("-", " ").split()
  for name, chip in targets.CHIPS.items():
    if chip.platform == targets.CUDA and name in words:
      return f"{name}x1"
  raise Absent(f"the preflight does not know a device like {kind!r}")
