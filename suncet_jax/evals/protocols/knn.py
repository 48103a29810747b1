"""kNN: labelled images vote for the class of the test images near them."""

from typing import Any

import numpy as np

from suncet_jax.evals.protocols.base import Context
from suncet_jax.fields import POSITIVE, Field
from suncet_jax.plugins import EvaluationSpec


class KNN(EvaluationSpec):
  """Weighted kNN of features; see `suncet_jax.evals.knn`."""

  title = "kNN"
  explanation = (
    "weighted vote of the k nearest labelled images on backbone features"
  )
  cost = 1
  fields = {
    "k": Field(20, "Neighbours that vote.", POSITIVE),
    "temperature": Field(0.07, "Temperature of their weights.", POSITIVE),
  }
  metrics = {"knn_top1": "kNN"}

  def run(self, context: Context) -> dict[str, float]:
    """Returns `knn_top1`."""
    return context.accuracy("knn", scores(context, context.test.features))


def scores(context: Context, queries: np.ndarray) -> Any:
  """Returns the votes [n, c] of the labelled images on features [n, f]."""
  from suncet_jax.evals.knn import knn_scores

  settings = context.config.knn
  return knn_scores(
    queries,
    context.bank.features,
    context.bank.labels,
    class_count=context.class_count,
    k=settings.k,
    temperature=settings.temperature,
  )


SPEC = KNN()
