"""The command `curve`: what the labels that are there are worth, and more."""

import argparse
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from etils import epath

from suncet_jax.console import terminal
from suncet_jax.console.progress import Counter
from suncet_jax.encoder import load_encoder
from suncet_jax.errors import UserError
from suncet_jax.files import storage
from suncet_jax.files.formats import write_json
from suncet_jax.files.paths import expanded
from suncet_jax.labels import curve, given, power_law
from suncet_jax.labels.power_law import Estimate, Fit

_TITLES = ("labels per class", "labels", "accuracy", "sd", "lowest", "highest")
_TIMES = (2, 4)  # the labels that are there
_FOR_LAW = 3  # numbers of labels that it needs


def run(options: argparse.Namespace) -> None:
  """Measures the curve, prints it, and writes `curve.json` and `curve.png`.

  Args:
    options: Command line.

  Raises:
    UserError: If the encoder or the images are not as expected.
  """
  encoder = load_encoder(options.encoder, batch_size=options.batch_size)
  if options.train:
    found = given.of_files(
      encoder, options.train, options.test, options.test_fraction
    )
  else:
    found = given.of_run(encoder, options.encoder)
  measured = _measured(found, options)
  fit = _fit(measured, options.seed)
  _show(measured, fit, found, options.target)
  folder = expanded(options.out)
  folder.mkdir(parents=True, exist_ok=True)
  write_json(folder / "curve.json", _content(measured, fit, found, options))
  _draw(folder / "curve.png", measured, fit, options.by)
  terminal.say(f"Written: {folder / 'curve.json'}, {folder / 'curve.png'}")


def _measured(found: given.Given, options: argparse.Namespace) -> curve.Curve:
  """Returns the accuracies of all draws."""
  class_count = len(found.classes)
  smallest = np.bincount(found.train.labels, minlength=class_count).min()
  if not smallest:
    raise UserError(
      "A class has no labelled training image; expected one or more of each."
    )
  counts = options.counts or curve.counts_up_to(int(smallest))
  draws = []
  with Counter("Measuring", options.draws, "draws") as counter:
    for accuracies in curve.measure(
      found.train,
      found.test,
      class_count=class_count,
      counts=counts,
      draws=options.draws,
      by=options.by,
      seed=options.seed,
    ):
      draws.append(accuracies)
      counter.add(1)
  return curve.Curve(tuple(counts), np.stack(draws))


def _fit(measured: curve.Curve, seed: int) -> Fit | None:
  """Returns the power law, if there are enough points for one."""
  draws, points = measured.accuracies.shape
  if points < _FOR_LAW or draws < 2:
    return None
  return power_law.fit(*measured, seed=seed)


def _show(
  measured: curve.Curve, fit: Fit | None, found: given.Given, target: float
) -> None:
  """Prints the table, and what the law foretells."""
  rows = list(_rows(measured, len(found.classes)))
  tests = len(found.test.labels)
  plain = "\n".join("  ".join(f"{c:>16}" for c in r) for r in [_TITLES, *rows])
  title = f"Accuracy on {tests:,} test images, percent"
  terminal.show(
    f"\n{title}\n\n{plain}\n",
    lambda: terminal.table(_TITLES, rows, title=title),
  )
  if fit is None:
    terminal.say(
      "Too few numbers of labels or draws for a curve that foretells more."
    )
    return
  most = measured.counts[-1]
  for times in _TIMES:
    told = _percent(fit.accuracy(times * most))
    terminal.say(
      f"{times} times the labels, {times * most:,} per class: {told}"
    )
  if target:
    terminal.say(_needed(fit, target))


def _rows(measured: curve.Curve, class_count: int) -> Sequence[tuple[str, ...]]:
  draws = len(measured.accuracies)
  deviations = measured.accuracies.std(axis=0, ddof=min(1, draws - 1))
  return [
    (
      f"{count:,}",
      f"{count * class_count:,}",
      *(f"{100 * x:.1f}" for x in (each.mean(), sd, each.min(), each.max())),
    )
    for count, each, sd in zip(
      measured.counts, measured.accuracies.T, deviations, strict=True
    )
  ]


def _percent(told: Estimate) -> str:
  value, low, high = (100 * min(x, 1.0) for x in told)
  return f"{value:.1f} % ({low:.1f} to {high:.1f})"


def _needed(fit: Fit, target: float) -> str:
  """Returns how many labels an accuracy needs, in words."""
  told = fit.needed(target)
  if math.isinf(told.value):
    limit = _percent(fit.accuracy(math.inf))
    return (
      f"{100 * target:.1f} %: by this curve no number of labels is enough on "
      f"these features; it approaches {limit}"
    )
  value, low, high = (
    "no number" if math.isinf(x) else f"{math.ceil(x):,}" for x in told
  )
  return f"{100 * target:.1f} %: {value} labels per class ({low} to {high})"


def _content(
  measured: curve.Curve,
  fit: Fit | None,
  found: given.Given,
  options: argparse.Namespace,
) -> dict[str, Any]:
  """Returns the content of the JSON file."""
  content: dict[str, Any] = {
    "encoder": str(options.encoder),
    "by": options.by,
    "seed": options.seed,
    "classes": found.classes,
    "test_images": len(found.test.labels),
    "counts": measured.counts,
    "accuracies": measured.accuracies.tolist(),
  }
  if fit is None:
    return content
  most = measured.counts[-1]
  foretold = {times * most: fit.accuracy(times * most) for times in _TIMES}
  content["law"] = fit.law._asdict()
  content["foretold"] = {n: told._asdict() for n, told in foretold.items()}
  if options.target:
    needed = fit.needed(options.target)
    # JSON has no infinity.
    content["needed"] = {"accuracy": options.target} | {
      name: None if math.isinf(x) else x for name, x in needed._asdict().items()
    }
  return content


def _draw(
  path: epath.Path, measured: curve.Curve, fit: Fit | None, by: str
) -> None:
  # Imported here: matplotlib takes a second.
  from suncet_jax.labels.picture import curve_png

  storage.write(path, curve_png(measured, fit, by, _TIMES[-1]))
