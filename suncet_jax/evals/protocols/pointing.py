"""Pointing: the attention of a sound lies on what makes it."""

from collections.abc import Iterator, Mapping
from typing import Any

from suncet_jax.architectures import MLP
from suncet_jax.evals.protocols.base import Context
from suncet_jax.plugins import EvaluationSpec


class Pointing(EvaluationSpec):
  """The place of the largest attention; see `suncet_jax.evals.places`."""

  title = "pointing"
  explanation = "the place of the largest attention is one that sounds"
  cost = 2
  measured = "attention"
  metrics = {"pointing": "pointing", "pointing_chance": "pointing by chance"}
  notes = {
    "pointing_chance": "the same of a place that is drawn at random",
  }

  def faults(self, config: Any, heads: Mapping[str, MLP]) -> Iterator[str]:
    """Yields data of which nobody knows what sounds, and views that crop."""
    del heads
    if "pointing" not in config.evals.final:
      return
    clips = config.data.clips
    if config.data.source == "clips" and clips.synthetic != "shapes":
      yield (
        "evals.final has pointing, but what sounds is known of "
        f"data.clips.synthetic 'shapes' only, got {clips.synthetic!r}."
      )
    if config.clip.size not in (0, clips.size):
      yield (
        f"evals.final has pointing, for which frames stay whole: clip.size is "
        f"{config.clip.size}, expected 0."
      )

  def run(self, context: Context) -> dict[str, float]:
    """Returns `pointing` and `pointing_chance`."""
    from suncet_jax.evals.places import pointing

    attention = context.test.measured["attention"]
    found, chance = pointing(attention, context.truth("region"))
    return {"pointing": found, "pointing_chance": chance}


SPEC = Pointing()
