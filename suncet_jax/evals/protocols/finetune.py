"""Fine-tuning: the whole network, trained further on the labelled images."""

from collections.abc import Iterator, Mapping
from typing import Any

from suncet_jax.architectures import MLP
from suncet_jax.config.run_fields import LORA, TUNING
from suncet_jax.evals.protocols.base import Context
from suncet_jax.fields import (
  FRACTION,
  NOT_NEGATIVE,
  POSITIVE,
  Field,
  interval,
  one_of,
)
from suncet_jax.plugins import EvaluationSpec


class FineTuning(EvaluationSpec):
  """Backbone and a new classifier; see `suncet_jax.train.finetuning`.

  The protocol of Assran et al. 2020 (arXiv 2006.10803): crop and flip only, the
  projection head dropped. SimCLRv2 (arXiv 2006.10029) and PAWS (arXiv
  2104.13963) keep its first layer.
  """

  title = "fine-tuned"
  explanation = "all weights trained further on the labelled images"
  cost = 4
  fields = {
    "epochs": Field(30, "Epochs over the labelled images.", POSITIVE),
    "batch_size": Field(4096, "Labelled images per step.", POSITIVE),
    "learning_rate": Field(
      0.05, "Peak learning rate for a batch of 256.", POSITIVE
    ),
    "optimizer": Field(
      "sgd",
      'Optimizer, without warm-up; "adamw" wants a far smaller rate.',
      one_of("sgd", "adamw"),
    ),
    "weight_decay": Field(
      0.0, "Factor of the weight decay of kernels.", NOT_NEGATIVE
    ),
    "start": Field(
      "zero",
      'Classifier to start from: "zero", or "probe": the one of '
      "evals.linear, which is trained before (LP-FT, arXiv 2202.10054).",
      one_of("zero", "probe"),
    ),
    **LORA,
    **TUNING,
    "backbone_scale": Field(
      1.0,
      "Factor of the backbone's learning rate; 0: it is frozen, its norms in "
      "evaluation mode, and only the classifier is trained.",
      NOT_NEGATIVE,
    ),
    "first_layers": Field(
      0,
      "Dense layers of the projection head, with their norms and ReLUs, that "
      "stay below the classifier and are trained as the backbone is; 1 in "
      "SimCLRv2 and PAWS.",
      NOT_NEGATIVE,
    ),
    "crop_scale": Field(
      (0.08, 1.0), "Area of a crop as a share of the image's.", interval(1.0)
    ),
    "flip_prob": Field(0.5, "Probability of a mirror image.", FRACTION),
  }
  metrics = {
    "finetune_top1": "fine-tuned",
    "finetune_top5": "fine-tuned, top 5",
  }
  notes = {
    "finetune_top5": (
      "the same, counted as right if among the five most likely classes"
    )
  }

  def faults(self, config: Any, heads: Mapping[str, MLP]) -> Iterator[str]:
    """Yields what is wrong with the layers that stay, and with the start."""
    layers = config.evals.finetune.first_layers
    text = f"evals.finetune.first_layers is {layers}, but"
    if layers and "projection" not in heads:
      yield (
        f"{text} method {config.method.name} has no projection head; "
        "expected 0."
      )
    elif layers and layers >= heads["projection"].layers:
      most = heads["projection"].layers - 1
      yield (
        f"{text} the projection head has {most} layers before its last, which "
        f"has no ReLU: expected at most {most}; model.head.layers adds some."
      )

    rank = config.evals.finetune.lora_rank
    if rank and not config.evals.finetune.backbone_scale:
      yield (
        f"evals.finetune.lora_rank is {rank}, but with "
        "evals.finetune.backbone_scale=0 no adapter moves: set one of the two."
      )
    if layers and config.evals.finetune.start == "probe":
      yield (
        f"{text} evals.finetune.start='probe' begins with a classifier of the "
        "features: leave 0, or start='zero'."
      )

  def run(self, context: Context) -> dict[str, float]:
    """Returns `finetune_top1` and `finetune_top5`."""
    return context.accuracy("finetune", context.finetuned_scores(), top=(1, 5))


SPEC = FineTuning()
