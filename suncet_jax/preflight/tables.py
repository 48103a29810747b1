"""Tables of what a preflight found, for terminal and page."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from suncet_jax.console.words import counted
from suncet_jax.preflight.check import Checked
from suncet_jax.preflight.content import COLLECTIVES_MODEL
from suncet_jax.preflight.fit import Fit
from suncet_jax.preflight.reading import Reading
from suncet_jax.preflight.wording import hours, milliseconds, percent, scaled


class Block(NamedTuple):
  """A table with its title.

  Attributes:
    title: Title, with whose figures these are.
    columns: Titles of the columns; the first has words, the others numbers.
    rows: Rows with a text for each column.
  """

  title: str
  columns: Sequence[str]
  rows: Sequence[Sequence[str]]


def blocks(
  checked: Checked, price: float, files_per_core: float
) -> list[Block]:
  """Returns the tables of what came out.

  Args:
    checked: What came out, not a failure.
    price: Price of a device for an hour; 0: none was given.
    files_per_core: Image files that a core decodes per second; 0: unknown.
  """
  found = []
  several = len(checked.readings) > 1
  for number, reading in enumerate(checked.readings):
    prefix = f"Step {number + 1}: " if several else ""
    of_step = list(step_blocks(reading))
    found += [each._replace(title=prefix + each.title) for each in of_step]
  found.append(_run(checked, price, files_per_core))
  if checked.fit:
    memory = checked.target.chip.memory
    found.append(fit_block(checked.fit, checked.batch_size, memory))
  return found


def comparison(found: Sequence[Checked], price: float) -> Block:
  """Returns the table that compares several kinds of devices.

  Args:
    found: What came out for each.
    price: Price of a device for an hour; 0: none was given.
  """
  rows = [_compared(each, price) for each in found]
  return Block(
    "Compared; times are of different models, so only roughly",
    ("", "per device", "of", "step, ms", "of the peak", "hours", "cost"),
    rows,
  )


def _compared(checked: Checked, price: float) -> Sequence[str]:
  name, device = checked.target.name, checked.target.chip.memory
  if checked.failure:
    return (name, "does not compile", f"{scaled(device)}B", "", "", "", "")
  first = checked.readings[0]
  return (
    name,
    f"{scaled(first.memory.total)}B",
    f"{scaled(device)}B",
    milliseconds(first.seconds),
    percent(first.share_of_peak),
    f"{checked.hours:.3g}",
    f"{checked.cost(price):,.2f}" if price else "",
  )


def fit_block(found: Fit, configured: int, device: float) -> Block:
  """Returns the table of what fits.

  Args:
    found: What fits.
    configured: Configured `data.batch_size`.
    device: Bytes of a device.
  """
  size = f"{found.batch_size:,}" + (
    "" if found.is_exact else " or a little more"
  )
  rows = [
    (
      each.title,
      "" if each.refusal else f"{scaled(each.total)}B",
      each.refusal or ("fits" if each.total <= device else "does not fit"),
      "" if each.refusal else milliseconds(each.seconds),
    )
    for each in found.options
  ]
  return Block(
    f"Largest data.batch_size that fits: {size} (configured: {configured:,}). "
    "Settings that save memory, at the configured one",
    ("", "per device", "", "ms"),
    rows,
  )


def step_blocks(reading: Reading) -> Iterator[Block]:
  """Yields the tables of one program.

  Args:
    reading: Reading of the program.
  """
  yield _memory(reading)
  yield _time(reading)
  yield _sent(reading)
  yield _dearest(reading)


def _memory(reading: Reading) -> Block:
  memory = reading.memory
  rows = [
    (kind, f"{scaled(size)}B", percent(size / memory.device))
    for kind, size in memory.kinds.items()
  ]
  total = f"{scaled(memory.total)}B"
  rows.append(("all", total, percent(memory.share)))
  return Block(
    f"Memory of a device of {scaled(memory.device)}B (XLA's buffer assignment)",
    ("", "bytes", "of the device"),
    rows,
  )


def _time(reading: Reading) -> Block:
  whole = reading.seconds or 1.0
  rows = [
    (
      part,
      milliseconds(seconds),
      percent(seconds / whole),
      percent(reading.share_of_peak_in(part)),
    )
    for part, seconds in reading.parts.items()
  ]
  sent, bound = reading.collective_seconds, reading.floor_seconds
  all_of_it = percent(reading.share_of_peak)
  rows += [
    (
      "collectives, if nothing hides them",
      milliseconds(sent),
      percent(sent / whole),
      "",
    ),
    ("step", milliseconds(reading.seconds), percent(1), all_of_it),
    ("bound by bytes alone (ours)", milliseconds(bound), "", ""),
  ]
  loops = reading.unknown_loops
  note = f"; {counted(loops, 'loop')} of unknown length counted once"
  return Block(
    f"Time of a step ({reading.model}; collectives {COLLECTIVES_MODEL})"
    + note * (loops > 0),
    ("", "ms", "of the step", "of the bfloat16 peak"),
    rows,
  )


def _sent(reading: Reading) -> Block:
  rows = [
    ("operations of products", scaled(reading.flops)),
    ("bytes read and written", f"{scaled(reading.size)}B"),
  ]
  rows += [
    (f"{kind}, {count} of them", f"{scaled(size)}B")
    for kind, (count, size) in reading.sent().items()
  ]
  return Block(
    f"Work of a step and device (counted by {reading.counted_by})",
    ("", ""),
    rows,
  )


def _dearest(reading: Reading) -> Block:
  rows = [
    (
      each.source or "?",
      each.part,
      _short(each.name),
      f"{each.times}",
      milliseconds(each.seconds),
    )
    for each in reading.dearest
  ]
  return Block(
    f"Dearest operations ({reading.model})",
    ("line", "part", "operation", "times", "ms"),
    rows,
  )


def _run(checked: Checked, price: float, files_per_core: float) -> Block:
  rows = [
    (
      each.title,
      f"{each.steps:,}" if each.steps else "",
      f"{each.images:,}",
      hours(each.seconds),
    )
    for each in checked.segments
  ]
  rows.append(("whole run", "", "", hours(checked.hours * 3600)))
  if price:
    rows.append(("cost at your price", "", "", f"{checked.cost(price):,.2f}"))
  speeds = " / ".join(f"{each:,.0f}" for each in checked.images_per_second)
  per_host = checked.files_per_host
  words = f"{per_host:,.0f} images per second must come from each host"
  if files_per_core:
    words += f", {per_host / files_per_core:.1f} cores of yours"
  return Block(
    f"Run: {speeds} images of the pool per second; {words}",
    ("", "steps", "images encoded", "hours"),
    rows,
  )


def _short(name: str, limit: int = 48) -> str:
  """Returns the end of a name, where the operation is."""
  return name if len(name) <= limit else f"...{name[-limit:]}"
