"""Summary of the check: ten lines."""

from collections.abc import Callable, Mapping
from typing import Any

Facts = Mapping[str, Any]
_NOT_KNOWN = "not known"


def summary(content: Mapping[str, Any]) -> list[str]:
  """Returns the ten lines.

  Args:
    content: Content of the JSON file.
  """
  parts: Mapping[str, Facts] = content["parts"]
  lines = {
    "device": _line(parts, "environment", _device),
    "software": _line(parts, "environment", _software),
    "losses' tests": _line(parts, "loss_tests", _tests),
    "training step": _line(parts, "step", _step),
    "memory of it": _line(parts, "step", _memory(parts)),
    "NT-Xent, ms": _line(parts, "losses", _times(parts, "ntxent")),
    "SuNCEt, ms": _line(parts, "losses", _times(parts, "suncet")),
    "ours to torch's": _line(parts, "torch_losses", _difference),
    "digits twice": _line(parts, "digits", _digits),
    "parts": _ends(parts, content["seconds"], content["minutes"]),
  }
  return [f"{name:<16}{text}" for name, text in lines.items()]


def _line(
  parts: Mapping[str, Facts], name: str, said: Callable[[Facts], str]
) -> str:
  """Returns what is said of a part's facts, or why it has none."""
  part = parts[name]
  try:
    return said(part["facts"])
  except KeyError:  # it has not come so far
    reason = part.get("reason")
    return part["status"] + (f": {reason}" if reason else "")


def _device(facts: Facts) -> str:
  devices = facts["devices"]
  driver = facts["driver"] or "no nvidia-smi"
  return f"{len(devices)} x {devices[0]['kind']} ({driver})"


def _software(facts: Facts) -> str:
  versions = [f"{name} {each}" for name, each in facts["versions"].items()]
  return ", ".join([f"Python {facts['python']}", *versions])


def _tests(facts: Facts) -> str:
  told = f"{facts['passed']} passed, {len(facts['failed'])} failed"
  return told + (
    f": {next(iter(facts['failed']))} ..." if facts["failed"] else ""
  )


def _step(facts: Facts) -> str:
  return (
    f"{facts['images_per_second']:,.0f} images/s, "
    f"{1000 * facts['seconds_per_step']:.1f} ms for {facts['rows']:,} rows, "
    f"loss {facts['metrics']['loss']:.3f}, "
    f"compiled in {facts['compile_seconds']:.0f} s"
  )


def _memory(parts: Mapping[str, Facts]) -> Callable[[Facts], str]:
  def said(facts: Facts) -> str:
    preflight = parts["preflight"]
    told = preflight["facts"].get("bytes")
    foretold = _size(told) if told else preflight.get("reason", "left out")
    return (
      f"peak {_size(facts['peak_bytes'])}, "
      f"planned by XLA {_size(facts['planned_bytes'])}, preflight: {foretold}"
    )

  return said


def _size(count: int | None) -> str:
  return _NOT_KNOWN if count is None else f"{count / 1e9:.2f} GB"


def _times(parts: Mapping[str, Facts], name: str) -> Callable[[Facts], str]:
  def said(facts: Facts) -> str:
    torch = parts["torch_losses"]["facts"].get("times", {}).get(name, {})
    half = facts["times"].get(f"{name} bf16", {})
    return "; ".join(
      f"{int(n):,} rows: {_milliseconds(ours)} (bf16 "
      f"{_milliseconds(half.get(n))}, torch {_milliseconds(torch.get(n))})"
      for n, ours in facts["times"][f"{name} fp32"].items()
    )

  return said


def _milliseconds(told: Facts | None) -> str:
  if not told:
    return "-"
  if "out_of_memory" in told:
    return "no memory"
  return f"{1000 * told['seconds']:.2f}"


def _difference(facts: Facts) -> str:
  told = [each for of in facts["times"].values() for each in of.values()]
  compared = [each for each in told if "difference" in each]
  if not compared:
    return "nothing to compare"
  value = max(each["difference"] for each in compared)
  gradient = max(each["gradient_difference"] for each in compared)
  return f"at most {value:.1e} apart in value, {gradient:.1e} in gradient"


def _digits(facts: Facts) -> str:
  equal = "the same parameters" if facts["is_equal"] else "DIFFERENT parameters"
  knn = facts["metrics"]["knn_top1"]
  return f"{equal} ({', '.join(facts['digests'])}), kNN {knn:.1%}"


def _ends(parts: Mapping[str, Facts], seconds: float, minutes: float) -> str:
  by_status: dict[str, list[str]] = {}
  for name, part in parts.items():
    by_status.setdefault(part["status"], []).append(name)
  told = [f"{status}: {', '.join(each)}" for status, each in by_status.items()]
  return f"{'; '.join(told)}; {seconds:.0f} of {60 * minutes:.0f} s"
