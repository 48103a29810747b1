"""Classifier: the head that the method itself trains to name the classes."""

import numpy as np

from suncet_jax.evals.protocols.base import Context, Embedding
from suncet_jax.plugins import EvaluationSpec


class OwnClassifier(EvaluationSpec):
  """The logits of the method's own head; nothing is trained."""

  title = "classifier"
  explanation = "the classifier that the method itself has trained"
  cost = 0
  head = "logits"
  metrics = {
    "classifier_top1": "classifier",
    "classifier_top5": "classifier, top 5",
  }
  notes = {
    "classifier_top5": (
      "the same, counted as right if among the five most likely classes"
    )
  }

  def run(self, context: Context) -> dict[str, float]:
    """Returns `classifier_top1` and `classifier_top5`."""
    return context.accuracy("classifier", scores(context.test), top=(1, 5))


def scores(queries: Embedding) -> np.ndarray:
  """Returns the logits [n, c] of images."""
  if queries.logits is None:
    raise ValueError('The method has no head "logits".')
  return queries.logits


SPEC = OwnClassifier()
