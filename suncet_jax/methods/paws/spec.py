"""What PAWS declares."""

import math
from collections.abc import Iterator
from typing import Any

from suncet_jax.architectures import MLP
from suncet_jax.fields import FRACTION, POSITIVE, Field
from suncet_jax.methods.simclr.spec import SPEC as SIMCLR
from suncet_jax.plugins import Groups, MethodSpec, Series, Symptom

_NEAR = 1e-3  # nats


class PAWSSpec(MethodSpec):
  """Soft nearest labelled neighbours of all views agree."""

  title = "PAWS"
  summary = (
    "Views agree on soft nearest labelled neighbours (Assran et al. 2021, "
    "arXiv 2104.13963)."
  )
  predictor = "soft_nn"
  fields = {
    "temperature": Field(0.1, "Temperature tau of similarities.", POSITIVE),
    "sharpening": Field(0.25, "Temperature T of targets.", POSITIVE),
    "label_smoothing": Field(
      0.1, "Share of a label that is spread over all classes.", FRACTION
    ),
    "prediction_head": Field(
      False,
      "Whether a further head, a fourth as wide within, predicts the targets, "
      "which are made of projections; as for ImageNet in the paper. It "
      "collapses where it is narrow and there is no warm-up.",
    ),
  }
  series = (
    Series(
      "paws_consistency",
      "PAWS: cross-entropy of the views",
      "Losses",
      unit="nats",
      line="paws {:.3f}",
    ),
    Series(
      "paws_mean_entropy",
      "PAWS: entropy of the mean prediction",
      "Losses",
      unit="nats",
      line="entropy {:.2f}",
    ),
    next(one for one in SIMCLR.series if one.name == "uniformity"),
  )

  def groups(self, config: Any, epoch: int) -> Groups:
    """Returns two large views, the small ones, and those of the support."""
    return Groups(
      unlabelled=SIMCLR.groups(config, epoch).unlabelled,
      labelled=("view",) * config.data.labelled.views,
    )

  def heads(self, config: Any, class_count: int) -> dict[str, MLP]:
    """Returns the projection and, if it is wanted, the prediction of it."""
    heads = super().heads(config, class_count)
    if config.method.prediction_head:
      out = config.model.head.out
      heads["prediction"] = MLP(
        layers=2,
        out=out,
        hidden=max(1, out // 4),
        batch_norm=True,
        input_batch_norm=True,
        of="projection",
      )
    return heads

  def faults(self, config: Any) -> Iterator[str]:
    """Yields what is wrong with the number of classes in a step."""
    if config.data.labelled.classes_per_batch == 1:
      yield (
        "data.labelled.classes_per_batch is 1, but PAWS tells the classes of a "
        "step apart: expected at least 2, or 0 for all."
      )

  def symptoms(self, config: Any, class_count: int) -> tuple[Symptom, ...]:
    """Returns the fixed point, the floor, and a single predicted class."""
    classes = classes_per_step(config, class_count)
    smoothing = config.method.label_smoothing
    certain = 1 - smoothing + smoothing / classes
    floor = -math.log(classes) - math.log(certain)
    return (
      Symptom(
        "loss",
        lambda value: abs(value) < _NEAR,
        "0 is the value of a prediction that is the same for all images: the "
        "embeddings have collapsed. Set model.head.batch_norm=True and "
        "method.prediction_head=False, raise optim.warmup_epochs, or lower "
        "optim.peak_lr.",
      ),
      Symptom(
        "loss",
        lambda value: value < floor + _NEAR,
        "That is the least value: every image is assigned to a class with "
        "certainty, and nothing is left to learn. If accuracy on the "
        "validation images is low, make the views stronger "
        "(augment.crop_scale, multicrop.views) or the training shorter.",
      ),
      Symptom(
        "paws_mean_entropy",
        lambda value: value < 0.1 * math.log(classes),
        "Nearly all images are predicted to be of one class. Check that the "
        "support holds all classes (data.labelled.classes_per_batch), and "
        "lower optim.peak_lr.",
      ),
    )


def classes_per_step(config: Any, class_count: int) -> int:
  """Returns the number of classes of the support of a step.

  Args:
    config: The whole configuration.
    class_count: Number of classes.
  """
  # Loads JAX, as a run has by now and the reading of a spec must not.
  from suncet_jax.data.sampling.build import default_classes_per_batch

  wanted: int = config.data.labelled.classes_per_batch
  return wanted or default_classes_per_batch(class_count)


SPEC = PAWSSpec()
