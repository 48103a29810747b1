"""Spec of SwAV."""

import math
from collections.abc import Iterator
from typing import Any

from suncet_jax.architectures import MLP
from suncet_jax.fields import NOT_NEGATIVE, POSITIVE, Field, at_least
from suncet_jax.methods.simclr.spec import SPEC as SIMCLR
from suncet_jax.plugins import Groups, MethodSpec, Series, Symptom

_PROTOTYPES = "Prototypes"


class SwAVSpec(MethodSpec):
  """Swapped predictions between views of unlabelled images."""

  title = "SwAV"
  summary = (
    "Views predict each other's balanced assignments to prototypes (Caron et "
    "al. 2020, arXiv 2006.09882)."
  )
  fields = {
    "prototypes": Field(3000, "Number of prototypes.", at_least(2)),
    "temperature": Field(0.1, "Temperature of predictions.", POSITIVE),
    "epsilon": Field(
      0.05, "Temperature of assignments; the larger, the more even.", POSITIVE
    ),
    "sinkhorn_iterations": Field(
      3, "Turns of the balance between prototypes.", POSITIVE
    ),
    "queue": Field(
      0,
      "Earlier images that are balanced together with the batch, a multiple of "
      "data.batch_size, for batches below about 1,000; 0: none.",
      NOT_NEGATIVE,
    ),
    "queue_start_epoch": Field(
      15, "Epoch from which on the queue is used, once full.", NOT_NEGATIVE
    ),
    "frozen_epochs": Field(
      1.0, "Epochs in which the prototypes stay as drawn.", NOT_NEGATIVE
    ),
  }
  series: tuple[Series, ...] = (
    Series("swav", "SwAV", "Losses", unit="nats", line="swav {:.3f}"),
    Series(
      "assignment_entropy",
      "entropy of an image's assignment (ln K: collapsed)",
      _PROTOTYPES,
      unit="nats",
    ),
    Series(
      "mean_assignment_entropy",
      "entropy of the mean assignment (ln K: all prototypes serve)",
      _PROTOTYPES,
      unit="nats",
    ),
    Series(
      "prototypes_used",
      "prototypes that are the first choice of an image of the batch",
      _PROTOTYPES,
      kind="percent",
      line="used {:.0%}",
    ),
  )

  def groups(self, config: Any, epoch: int) -> Groups:
    """Returns two views, and the small ones, of each unlabelled image."""
    return SIMCLR.groups(config, epoch)

  def heads(self, config: Any, class_count: int) -> dict[str, MLP]:
    """Returns the projection, and the prototypes on its unit rows."""
    del class_count
    projection = MLP.from_config(config.model.head)
    return {
      # As in SwAV: one pass of the head for the crops of all sizes.
      "projection": projection._replace(over_all_views=True),
      "prototypes": MLP(
        layers=1,
        out=config.method.prototypes,
        of="projection",
        unit_inputs=True,
        use_bias=False,
      ),
    }

  def faults(self, config: Any) -> Iterator[str]:
    """Yields what is wrong with the size of the queue."""
    queue, batch = config.method.queue, config.data.batch_size
    if queue % batch:
      yield (
        f"method.queue is {queue}, expected 0 or a multiple of "
        f"data.batch_size, such as {max(1, round(queue / batch)) * batch}."
      )

  def symptoms(self, config: Any, class_count: int) -> tuple[Symptom, ...]:
    """Returns the sign of a collapse: a loss no better than chance."""
    del class_count
    chance = math.log(config.method.prototypes)
    return (
      Symptom(
        "swav",
        # Embeddings that are all alike are above ln K until the prototypes
        # give them equal scores.
        lambda value: value >= 0.99 * chance,
        f"ln K = {chance:.3f} is chance for {config.method.prototypes} "
        "prototypes: the embeddings may have collapsed. Lower optim.peak_lr, "
        "raise optim.warmup_epochs or method.frozen_epochs, or take fewer "
        "method.prototypes.",
      ),
    )


SPEC = SwAVSpec()
