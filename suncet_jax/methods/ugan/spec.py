"""Spec of UGAN."""

from collections.abc import Iterator
from typing import Any

from suncet_jax.architectures import MLP
from suncet_jax.fields import NOT_NEGATIVE, POSITIVE, Field, one_of
from suncet_jax.methods.fixmatch.spec import (
  PREDICTION_ENTROPY,
  classifier,
  one_class,
)
from suncet_jax.methods.supervised.spec import SPEC as SUPERVISED
from suncet_jax.plugins import Groups, MethodSpec, Series, Symptom

_GAME = "Generators and critic"


class UGANSpec(MethodSpec):
  """A classifier, a good generator with its critic, and a bad generator."""

  title = "UGAN"
  summary = (
    "A classifier between a generator of its classes (Triple-GAN) and one of "
    "what lies between them (Bad GAN): a reconstruction of Li et al. 2019, "
    "arXiv 1910.08540."
  )
  predictor = "classifier"
  players = ("generator", "critic", "bad_generator")
  fields = {
    "good": Field(
      True,
      "Whether there are the good generator, of images of a class, and the "
      "critic; False: Bad GAN.",
    ),
    "bad": Field(
      True,
      "Whether there is the bad generator, of images that are of no class; "
      "False: Triple-GAN.",
    ),
    "networks": Field(
      "conv", "Kind of generators and critic.", one_of("mlp", "conv")
    ),
    "width": Field(
      64,
      "Their size: units of hidden layers (mlp), or channels of the finest map "
      "(conv), twice as many with each halving of the size.",
      POSITIVE,
    ),
    "noise": Field(
      100, "Random numbers that a generator starts from.", POSITIVE
    ),
    "entropy_weight": Field(
      0.3, "Factor of the entropy of predictions.", NOT_NEGATIVE
    ),
    "balance_weight": Field(
      1e-3, "Factor of what keeps classes equally frequent.", NOT_NEGATIVE
    ),
    "unlabelled_start_epoch": Field(
      0.0,
      "Epoch before which the classifier learns from labels alone, while the "
      "others learn already.",
      NOT_NEGATIVE,
    ),
    "critic_weight": Field(
      0.01,
      "good: factor of what the critic says of predicted classes.",
      NOT_NEGATIVE,
    ),
    "generated_weight": Field(
      0.1,
      "good: factor of the cross-entropy of the good generator's images.",
      NOT_NEGATIVE,
    ),
    "generated_start_epoch": Field(
      0.0, "good: epoch before which that factor is 0.", NOT_NEGATIVE
    ),
    "real_weight": Field(
      1.0,
      "bad: factor of the classifier's cross-entropy of real and fake.",
      NOT_NEGATIVE,
    ),
    "pull_away_weight": Field(
      0.8,
      "bad: factor of what keeps the bad generator's images apart.",
      NOT_NEGATIVE,
    ),
  }
  views = ("weak",)
  series = (
    *SUPERVISED.series,
    PREDICTION_ENTROPY,
    Series("ugan_entropy", "entropy of a prediction", "Losses", unit="nats"),
    Series("critic", "critic", _GAME, unit="nats"),
    Series("generator", "good generator", _GAME, unit="nats"),
    Series("generated", "cross-entropy of its images", _GAME, unit="nats"),
    Series("feature_matching", "bad generator: distance of features", _GAME),
    Series("pull_away", "bad generator: squared cosine of its images", _GAME),
    Series("real", "classifier: real images", _GAME, unit="nats"),
    Series("fake", "classifier: the bad generator's", _GAME, unit="nats"),
  )

  def groups(self, config: Any, epoch: int) -> Groups:
    """Returns a weak view of every image: generators learn to draw such."""
    del epoch
    return Groups(
      unlabelled=("weak",), labelled=("weak",) * config.data.labelled.views
    )

  def heads(self, config: Any, class_count: int) -> dict[str, MLP]:
    """Returns a linear classifier on the features."""
    del config
    return {"logits": classifier(class_count)}

  def faults(self, config: Any) -> Iterator[str]:
    """Yields what leaves no game, or no pair of images."""
    if not (config.method.good or config.method.bad):
      yield (
        "method.good and method.bad are both False, expected one at least: "
        "good=False is Bad GAN, bad=False Triple-GAN. Without a generator "
        "choose method=supervised."
      )
    if config.data.batch_size < 2:
      yield (
        f"data.batch_size is {config.data.batch_size}, expected 2 or more: the "
        "critic takes half of the images with their predicted classes as real."
      )

  def symptoms(self, config: Any, class_count: int) -> tuple[Symptom, ...]:
    """Returns the signs of one class for all, and of a critic that has won."""
    del config
    return (
      one_class(
        class_count,
        "Raise --config.method.balance_weight, or lower "
        "--config.method.entropy_weight.",
      ),
      Symptom(
        "critic",
        lambda value: value < 0.02,
        "The critic tells generated images from real ones without an error, so "
        "that the generator learns nothing from it. Lower "
        "--config.optim.parts.critic.peak_lr.",
        share=0.2,
      ),
    )


SPEC = UGANSpec()
