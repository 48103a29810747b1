"""What Global-Local declares."""

from collections.abc import Iterator
from typing import Any

from suncet_jax.architectures import MLP
from suncet_jax.fields import NOT_NEGATIVE, POSITIVE, Field
from suncet_jax.plugins import Groups, MethodSpec, Series

NETWORK = "global_local"


class GlobalLocalSpec(MethodSpec):
  """The sound of a clip finds its places, and that of a moment its frame."""

  title = "Global-Local"
  summary = (
    "Sounds and places of clips, sounds and moments, by MIL-NCE (Ma et al. "
    "2021, arXiv 2104.05418); a reconstruction."
  )
  rows = ("clips",)
  predictor = "linear"
  measured = ("attention", "synchrony")
  fields = {
    "global_weight": Field(
      1.0, "Factor of the global loss; 0: it is left out.", NOT_NEGATIVE
    ),
    "local_weight": Field(
      1.0, "Factor of the local loss; 0: it is left out.", NOT_NEGATIVE
    ),
    "normalize": Field(
      True,
      "Whether embeddings are scaled to length 1; in the public code they are "
      "not, and the temperature is 1.",
    ),
    "temperature": Field(
      0.1, "Temperature of both losses and of the attention.", POSITIVE
    ),
  }
  series = (
    Series(
      "global_loss",
      "global: sounds and places of clips",
      "Losses",
      unit="nats",
      line="global {:.3f}",
    ),
    Series(
      "local_loss",
      "local: sounds and frames of moments",
      "Losses",
      unit="nats",
      line="local {:.3f}",
    ),
    Series(
      "attention_peak",
      "largest share of the attention that a place has",
      "What the encoder learns",
      kind="percent",
    ),
  )

  def groups(self, config: Any, epoch: int) -> Groups:
    """Returns one view of each clip."""
    del config, epoch
    return Groups(unlabelled=("view",))

  def heads(self, config: Any, class_count: int) -> dict[str, MLP]:
    """Returns none: what is compared are outputs of the backbone."""
    del config, class_count
    return {}

  def faults(self, config: Any) -> Iterator[str]:
    """Yields what is wrong with the network, and losses that are both off."""
    if config.model.name != NETWORK:
      yield (
        f"model.name is {config.model.name!r}, but global_local compares what "
        f"only the network {NETWORK!r} returns."
      )
    if not config.method.global_weight and not config.method.local_weight:
      yield (
        "method.global_weight and method.local_weight are both 0: nothing is "
        "left to learn from."
      )


SPEC = GlobalLocalSpec()
