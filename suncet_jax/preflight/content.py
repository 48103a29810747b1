"""Content of preflight.json: plain values of what was checked."""

from collections.abc import Sequence
from typing import Any

from suncet_jax.preflight import compilers
from suncet_jax.preflight.check import Checked
from suncet_jax.preflight.fit import Option
from suncet_jax.preflight.reading import Reading

COLLECTIVES_MODEL = (
  "ours, from bytes, the vendor's links and assumed latencies, nothing hidden"
)


def content(
  found: Sequence[Checked], command: str, price: float
) -> dict[str, Any]:
  """Returns the content of the file.

  Args:
    found: What came out, for each kind of devices.
    command: Command that was given.
    price: Price of a device for an hour; 0: none was given.
  """
  return {
    "command": command,
    "versions": compilers.versions(),
    "devices": [_target(each, price) for each in found],
  }


def _target(checked: Checked, price: float) -> dict[str, Any]:
  target = checked.target
  told: dict[str, Any] = {
    "name": target.name,
    "chip": target.chip.title,
    "devices": target.devices,
    "hosts": target.hosts,
    "compiles": not checked.failure,
  }
  if checked.failure:
    return {**told, "reason": checked.failure}
  told |= {
    "rows_per_device": checked.rows,
    "steps": [
      {**reading_content(reading), "images_per_second": images}
      for reading, images in zip(
        checked.readings, checked.images_per_second, strict=True
      )
    ],
    "files_per_second_and_host": checked.files_per_host,
    "segments": [vars(segment) for segment in checked.segments],
    "hours": checked.hours,
  }
  if checked.fit:
    told["fit"] = {
      "largest_batch_size": checked.fit.batch_size,
      "next_does_not_fit": checked.fit.is_exact,
      "options": [_option(each) for each in checked.fit.options],
    }
  if price:
    told |= {"price": price, "cost": checked.cost(price)}
  return told


def _option(option: Option) -> dict[str, Any]:
  told: dict[str, Any] = {"title": option.title, "compiles": not option.refusal}
  if option.refusal:
    return {**told, "reason": option.refusal}
  return {**told, "bytes": option.total, "seconds": option.seconds}


def reading_content(reading: Reading) -> dict[str, Any]:
  """Returns the plain values of a program's reading.

  Args:
    reading: Reading of the program.
  """
  return {
    "memory": {
      "bytes": dict(reading.memory.kinds),
      "total": reading.memory.total,
      "device": reading.memory.device,
      "fits": reading.memory.fits,
      "by": "XLA's buffer assignment; arguments by their shapes",
    },
    "flops": reading.flops,
    "bytes_accessed": reading.size,
    "counted_by": reading.counted_by,
    "seconds": {
      "parts": dict(reading.parts),
      "share_of_peak_by_part": {
        part: reading.share_of_peak_in(part) for part in reading.parts
      },
      "parts_by": reading.model,
      "collectives": reading.collective_seconds,
      "collectives_by": COLLECTIVES_MODEL,
      "step": reading.seconds,
      "floor_by_bytes": reading.floor_seconds,
    },
    "share_of_peak": reading.share_of_peak,
    "collectives": {
      kind: {"count": count, "bytes": size}
      for kind, (count, size) in reading.sent().items()
    },
    "dearest": [each._asdict() for each in reading.dearest],
    "loops_of_unknown_length": reading.unknown_loops,
  }
