"""Our losses, value and gradient, of many embeddings."""

from typing import Any

import jax
import numpy as np

from benchmarks.losses.columns import Embeddings
from benchmarks.losses.jax_jobs import our_loss
from tools.accelerator_check.context import Context
from tools.accelerator_check.device import is_out_of_memory, peak_bytes
from tools.accelerator_check.timing import median_seconds

NAMES = ("ntxent", "suncet")
DIMENSION = 128
_FORMS = ("fp32", "bf16")


def run(context: Context) -> None:
  """Measures both losses, in full precision and with bfloat16 products.

  Args:
    context: Surroundings of the part.
  """
  found: dict[str, dict[str, Any]] = {}
  for n in context.sizes.loss_rows:
    for name in NAMES:
      for form in _FORMS:
        told = _measured(context, name, form, Embeddings(n, DIMENSION))
        found.setdefault(f"{name} {form}", {})[str(n)] = told
        context.tell(times=found)
  # The fewest rows first: the peak is the one of the most.
  context.tell(peak_bytes=peak_bytes(jax.local_devices()[0]))


def _measured(
  context: Context, name: str, form: str, row: Embeddings
) -> dict[str, Any]:
  step = jax.jit(jax.value_and_grad(our_loss(name, form, row)))
  rows = jax.device_put(row.values())
  try:
    compiled = step.lower(rows).compile()
    value, gradient = jax.block_until_ready(compiled(rows))
  except jax.errors.JaxRuntimeError as error:
    if not is_out_of_memory(error):
      raise
    return {"out_of_memory": True}
  if form == "fp32":
    np.savez(gradient_file(context, name, row), value=value, gradient=gradient)
  memory: Any = compiled.memory_analysis()
  return {
    "seconds": median_seconds(
      lambda: jax.block_until_ready(compiled(rows)), context.sizes.repeats
    ),
    "value": float(value),
    "temporary_bytes": int(memory.temp_size_in_bytes),
  }


def gradient_file(context: Context, name: str, row: Embeddings) -> str:
  """Returns the path of the file with our value and gradient.

  Args:
    context: Surroundings of the part.
    name: Name of the loss.
    row: Embeddings.
  """
  return str(context.work / f"{name}-{row.title}.npz")
