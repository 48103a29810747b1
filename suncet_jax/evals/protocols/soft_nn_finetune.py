"""Soft nearest neighbours of an encoder that SuNCEt fine-tunes before."""

from collections.abc import Iterator, Mapping
from typing import Any

from suncet_jax.architectures import MLP
from suncet_jax.evals.protocols.base import Context
from suncet_jax.fields import NOT_NEGATIVE, POSITIVE, Field
from suncet_jax.plugins import EvaluationSpec


class SoftNNFineTuning(EvaluationSpec):
  """PAWS's protocol on CIFAR-10; see `suncet_jax.evals.soft_nn_finetune`.

  Two views of each labelled image, mirrored or not and never cropped, go
  through backbone and projection with their norms in evaluation mode, and
  SuNCEt alone trains both (Assran et al. 2021, arXiv 2104.13963).
  """

  title = "soft nearest neighbours, fine-tuned"
  explanation = (
    "soft nearest neighbours after SuNCEt has trained backbone and projection "
    "further on the labelled images"
  )
  cost = 5
  head = "projection"
  fields = {
    "steps": Field(180, "Steps of fine-tuning.", POSITIVE),
    "classes_per_batch": Field(
      0, "Classes per step; 0: all, or 20 if there are more.", NOT_NEGATIVE
    ),
    "images_per_class": Field(
      64,
      "Images per step and class; fewer where no class has as many labelled "
      "images.",
      POSITIVE,
    ),
    "learning_rate": Field(
      0.1, "Learning rate of the first step, of LARS.", POSITIVE
    ),
    "final_learning_rate": Field(
      0.01, "That after the last step; a cosine leads there.", NOT_NEGATIVE
    ),
    "temperature": Field(
      0.1, "Temperature of SuNCEt and of the neighbours' weights.", POSITIVE
    ),
  }
  metrics = {"soft_nn_finetune_top1": "soft nearest neighbours, fine-tuned"}

  def faults(self, config: Any, heads: Mapping[str, MLP]) -> Iterator[str]:
    """Yields that clips have no such views."""
    del heads
    is_asked = "soft_nn_finetune" in config.evals.final
    if is_asked and config.data.source == "clips":
      yield (
        "evals.final has soft_nn_finetune, which is of images, and "
        "data.source is 'clips': leave it out; finetune takes clips."
      )

  def run(self, context: Context) -> dict[str, float]:
    """Returns `soft_nn_finetune_top1`."""
    from suncet_jax.evals.soft_nn import soft_nn_scores

    bank, test = context.soft_nn_finetuned()
    scores = soft_nn_scores(
      test.projection,
      bank.projection,
      bank.labels,
      class_count=context.class_count,
      temperature=context.config.soft_nn_finetune.temperature,
    )
    return context.accuracy("soft_nn_finetune", scores)


SPEC = SoftNNFineTuning()
