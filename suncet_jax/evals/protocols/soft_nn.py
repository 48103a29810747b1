"""Soft nearest neighbours: all labelled images vote, weighted by similarity."""

from suncet_jax.evals.protocols.base import Context
from suncet_jax.fields import POSITIVE, Field
from suncet_jax.plugins import EvaluationSpec


class SoftNearestNeighbours(EvaluationSpec):
  """Soft nearest neighbours of projections; see `suncet_jax.evals.soft_nn`.

  Projections are compared, as in facebookresearch/suncet's evaluation, or
  features where the method has no projection head.
  """

  title = "soft nearest neighbours"
  explanation = (
    "similarity-weighted labels of all labelled images, temperature 0.1"
  )
  cost = 2
  fields = {"temperature": Field(0.1, "Temperature of the weights.", POSITIVE)}
  metrics = {"soft_nn_top1": "soft nearest neighbours"}

  def run(self, context: Context) -> dict[str, float]:
    """Returns `soft_nn_top1`."""
    from suncet_jax.evals.soft_nn import soft_nn_scores

    scores = soft_nn_scores(
      context.test.projection,
      context.bank.projection,
      context.bank.labels,
      class_count=context.class_count,
      temperature=context.config.soft_nn.temperature,
    )
    return context.accuracy("soft_nn", scores)


SPEC = SoftNearestNeighbours()
