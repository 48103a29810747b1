"""What a metrics.csv says of waiting for input."""

import csv

import numpy as np


def summary(table: str) -> dict[str, float]:
  """Sums up the lines but the first, whose time holds the compilation.

  Args:
    table: The text of a metrics.csv.

  Returns:
    `wait_share`, `seconds` per step, `rows` that a step encodes, and over how
    many `steps` this is.
  """
  rows = list(csv.DictReader(table.splitlines()))
  images = np.array([float(row["images_seen"]) for row in rows])
  rates = np.array([float(row["images_per_second"]) for row in rows[1:]])
  shares = np.array([float(row["input_wait_share"]) for row in rows[1:]])
  seconds = np.diff(images) / rates
  steps = float(rows[-1]["step"]) - float(rows[0]["step"])
  return {
    "wait_share": float(np.average(shares, weights=seconds)),
    "seconds": float(seconds.sum() / steps),
    "rows": float(images[-1] / float(rows[-1]["step"])),
    "steps": steps,
  }
