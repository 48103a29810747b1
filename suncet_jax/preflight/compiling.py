"""Compilations that show progress and can be interrupted."""

import threading
import time
from collections.abc import Callable
from typing import Any

import jax

from suncet_jax.errors import RunError

_EVERY = 15.0  # seconds between two lines


class CompileError(RunError):
  """A compiler refused a program; the message has its reason."""


def compiled(
  lowered: jax.stages.Lowered, title: str, say: Callable[[str], None]
) -> jax.stages.Compiled:
  """Compiles; Ctrl-C ends the wait at once.

  Args:
    lowered: Program to compile.
    title: Name of the devices, for the progress.
    say: Function that shows a line of progress.

  Raises:
    CompileError: If the compiler refuses the program.
  """
  # In C++ no signal is handled: the main thread must not be in there.
  found: list[Any] = []

  def work() -> None:
    try:
      found.append(lowered.compile())
    except Exception as error:
      found.append(error)

  began = time.monotonic()
  thread = threading.Thread(target=work, daemon=True)
  thread.start()
  while thread.is_alive():
    thread.join(_EVERY)
    if thread.is_alive():
      say(f"{title}: compiling, {time.monotonic() - began:.0f} s")
  (result,) = found
  if isinstance(result, jax.errors.JaxRuntimeError):
    raise CompileError(f"{title}: {reason(str(result))}") from result
  if isinstance(result, Exception):
    raise result
  return result


def reason(message: str) -> str:
  """Returns what a compiler's message says, without its list of buffers.

  Args:
    message: Message of the error.
  """
  first, *_ = message.strip().split("\n\n")
  lines = [line for line in first.splitlines() if "stripped_domain" not in line]
  return "\n".join(lines[:6])


def advice(message: str) -> str:
  """Returns which setting to change after a compiler's message.

  Args:
    message: Message of the error.
  """
  if "RESOURCE_EXHAUSTED" in message or "Ran out of memory" in message:
    return (
      "Memory is short: --config.precision=bfloat16, --config.train.remat=True,"
      " --config.train.micro_batches=2 (or 4, 8), a smaller "
      "--config.data.batch_size, or more devices; --fit tries them."
    )
  return (
    "This is not known here: with --config.data.batch_size smaller, other "
    "devices or --config.precision=float32 it may compile."
  )
