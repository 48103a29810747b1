"""Synchrony: the sounds of a moment find its frame."""

from suncet_jax.evals.protocols.base import Context
from suncet_jax.plugins import EvaluationSpec


class Synchrony(EvaluationSpec):
  """The right frame among all of a clip; see `suncet_jax.evals.places`."""

  title = "synchrony"
  explanation = "the sounds of a moment choose its frame among all of the clip"
  cost = 2
  measured = "synchrony"
  metrics = {
    "synchrony": "synchrony",
    "synchrony_chance": "synchrony by chance",
  }
  notes = {"synchrony_chance": "one frame of as many as a clip has"}

  def run(self, context: Context) -> dict[str, float]:
    """Returns `synchrony` and `synchrony_chance`."""
    from suncet_jax.evals.places import synchrony

    scores = context.test.measured["synchrony"]
    return {
      "synchrony": synchrony(scores),
      "synchrony_chance": 1 / scores.shape[2],
    }


SPEC = Synchrony()
