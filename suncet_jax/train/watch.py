"""Watch over what a method logs, which names a collapse when it happens."""

import math
from collections.abc import Mapping, Sequence

from absl import logging

from suncet_jax.devices.processes import is_first
from suncet_jax.plugins import Symptom


class Watch:
  """Warns once of each symptom that lasts."""

  def __init__(self, symptoms: Sequence[Symptom], total_steps: int) -> None:
    """Stores the symptoms.

    Args:
      symptoms: Symptoms that the method declares.
      total_steps: Number of steps of the whole training.
    """
    self._symptoms, self._total_steps = symptoms, total_steps
    self._since: dict[Symptom, int] = {}  # step of the first bad value in a row
    self._told: set[Symptom] = set()

  def see(self, step: int, values: Mapping[str, float]) -> None:
    """Looks at the metrics of a step.

    Args:
      step: Number of steps taken.
      values: Metrics by name.
    """
    for symptom in self._symptoms:
      value = values.get(symptom.series, math.nan)
      if not symptom.is_bad(value):
        self._since.pop(symptom, None)
        continue
      began = self._since.setdefault(symptom, step)
      has_lasted = step - began >= symptom.share * self._total_steps
      if has_lasted and symptom not in self._told:
        self._told.add(symptom)
        if is_first():
          logging.warning(
            "Step %d: %s has been near %.3g since step %d. %s",
            step,
            symptom.series,
            value,
            began,
            symptom.meaning,
          )
