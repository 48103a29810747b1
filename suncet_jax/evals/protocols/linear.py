"""Linear probe: a linear classifier of frozen features."""

from typing import TYPE_CHECKING

from suncet_jax.evals.protocols.base import Context
from suncet_jax.fields import NOT_NEGATIVE, POSITIVE, Field
from suncet_jax.plugins import EvaluationSpec

if TYPE_CHECKING:
  from suncet_jax.evals import linear


class LinearProbe(EvaluationSpec):
  """A linear classifier of features; see `suncet_jax.evals.linear`."""

  title = "linear probe"
  explanation = "a linear classifier trained on the frozen backbone"
  cost = 3
  fields = {
    "epochs": Field(90, "Epochs over the labelled images.", POSITIVE),
    "batch_size": Field(4096, "Labelled images per step.", POSITIVE),
    "learning_rate": Field(
      0.1, "Peak learning rate for a batch of 256.", POSITIVE
    ),
    "weight_decay": Field(0.0, "Factor of the weight decay.", NOT_NEGATIVE),
  }
  metrics = {"linear_top1": "linear probe"}

  def run(self, context: Context) -> dict[str, float]:
    """Returns `linear_top1`."""
    probe = fitted(context)
    return context.accuracy("linear", probe.scores(context.test.features))


def fitted(context: Context) -> "linear.LinearProbe":
  """Returns the probe of a state, trained once."""
  from suncet_jax.evals import linear

  settings = context.config.linear

  def train() -> linear.LinearProbe:
    return linear.linear_probe(
      context.bank.features,
      context.bank.labels,
      class_count=context.class_count,
      epochs=settings.epochs,
      batch_size=settings.batch_size,
      learning_rate=settings.learning_rate,
      weight_decay=settings.weight_decay,
      seed=context.seed,
    )

  return context.once("linear", train)


SPEC = LinearProbe()
