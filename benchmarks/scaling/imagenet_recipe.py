"""Amount of training of `configs/imagenet.py`, read from the configuration."""

import itertools
from typing import NamedTuple

from benchmarks.harness.files import load_config
from benchmarks.scaling.model import Work
from benchmarks.step.layers import resnet50
from suncet_jax.plugins import method_spec

# Images of ImageNet (ILSVRC 2012), of its validation set, and on the two
# published lists of labelled images, by percent.
IMAGES, TEST_IMAGES, CLASSES = 1_281_167, 50_000, 1000
LABELLED = {1: 12_811, 10: 128_116}

# Top-1 and top-5 after fine-tuning on 10 % of the labels, as the authors of
# arXiv 2006.10803 published them with their code; by method and epochs.
PUBLISHED = {
  "simclr": {
    100: (61.7, 85.0),
    200: (63.8, 86.7),
    300: (64.8, 87.1),
    500: (65.5, 87.4),
    1000: (66.1, 87.8),
  },
  "suncet": {
    100: (63.2, 86.2),
    200: (64.8, 87.0),
    300: (65.6, 87.6),
    500: (66.7, 88.2),
  },
}

_FEATURES = 2048  # of ResNet-50, and the width of its projection head


class Phase(NamedTuple):
  """Steps with the same rows.

  Attributes:
    steps: Number of steps.
    images: Unlabelled images of a step.
    views: Views of each of them.
    labelled: Views of labelled images of a step.
  """

  steps: int
  images: int
  views: int
  labelled: int

  @property
  def rows(self) -> int:
    """Views that a step encodes."""
    return self.views * self.images + self.labelled

  @property
  def files(self) -> int:
    """Image files that a step decodes."""
    return self.images + self.labelled


class Run(NamedTuple):
  """A training.

  Attributes:
    epochs: Epochs over the images without labels, or of fine-tuning.
    phases: Phases, one after the other.
  """

  epochs: int
  phases: tuple[Phase, ...]

  @property
  def steps(self) -> int:
    """Steps of all phases."""
    return sum(phase.steps for phase in self.phases)

  @property
  def rows(self) -> int:
    """Views that all steps encode."""
    return sum(phase.steps * phase.rows for phase in self.phases)


def pretraining(method: str, epochs: int) -> Run:
  """Returns the pre-training of a method.

  The last incomplete batch of an epoch is dropped; the method's spec gives the
  images of an epoch.
  """
  config = load_config("imagenet", f"method={method},epochs={epochs}")
  spec, labelled = method_spec(method), config.data.labelled
  images = config.data.batch_size
  per_class = labelled.classes_per_batch * labelled.images_per_class
  phases = []
  for groups, members in itertools.groupby(
    range(epochs), lambda epoch: spec.groups(config, epoch)
  ):
    steps = len(list(members)) * (IMAGES // images)
    rows = per_class * len(groups.labelled)
    phases.append(Phase(steps, images, len(groups.unlabelled), rows))
  return Run(epochs, tuple(phases))


def finetuning(percent: int) -> Run:
  """Returns the fine-tuning on a percentage of the labels."""
  settings = load_config("imagenet", f"labels={percent}").evals.finetune
  steps = settings.epochs * (LABELLED[percent] // settings.batch_size)
  return Run(settings.epochs, (Phase(steps, 0, 0, settings.batch_size),))


def evaluated(percent: int, epochs: int) -> int:
  """Returns the images that a run's evaluations encode, without gradients.

  They are validation and labelled images for kNN during training, labelled and
  test images at the end, and test images again for the fine-tuned network.
  """
  config = load_config("imagenet", f"labels={percent},epochs={epochs}")
  validation = config.data.validation.per_class * CLASSES
  times = int(epochs / config.evals.every_epochs)
  on_the_way = times * (validation + LABELLED[percent])
  return on_the_way + LABELLED[percent] + 2 * TEST_IMAGES


def finetuning_operations(work: Work) -> float:
  """Returns the operations of a row whose head is a linear classifier."""
  embedding = load_config("imagenet").model.head.out
  head = _FEATURES * _FEATURES + _FEATURES * embedding
  return work.operations + 6 * (_FEATURES * CLASSES - head)


def rematerialized(work: Work) -> float:
  """Returns the bytes of a row, in bfloat16, with `train.remat`.

  Kept are the output of the first convolution and the input of each block, and
  all activations of one block at a time.
  """
  layers = resnet50()
  stages = [layers[i : i + 6] for i in range(0, len(layers), 6)]
  kept = 112 * 112 * 64 * 2
  blocks = []
  for stage in stages:
    # The first convolutions of the stage's first block and of its others.
    for layer in (stage[0], stage[4]):
      kept += layer.times * layer.size**2 * layer.channels
    outputs = (
      (each.size // each.stride) ** 2 * each.features for each in stage
    )
    blocks.append(2 * sum(list(outputs)[:4]))
  return 2 * (kept + max(blocks))
