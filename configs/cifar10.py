"""CIFAR-10 with 4,000 labels: SimCLR's small-image recipe + SuNCEt.

Purpose: the usual small benchmark, for one GPU or TPU (unverified here: this
project's machine has neither the data set nor an accelerator).

    python -m suncet_jax.main --config=configs/cifar10.py --workdir=runs/cifar10

The baseline: `--config=configs/cifar10.py:method=simclr`.

Expected figures, published (google-research/simclr): about 91 % top-1 of a
linear probe on ALL labels after 1,000 epochs of SimCLR. With 4,000 labels
neither SimCLR's nor SuNCEt's figures are published.

Sources of the numbers: google-research/simclr's CIFAR-10 command (ResNet-18
with the 3x3 stem, batch 512, LARS with rate 1.0 x batch / 256, temperature
0.5, weight decay 1e-4, 1,000 epochs, 10 epochs of warm-up, colour strength
0.5, no blur, crops of area 0.08-1, batch-norm head without bias). 4,000
labels: 400 per class, the split size of facebookresearch/suncet. Classes x
images per step were chosen here.
"""

import ml_collections

from suncet_jax.config import apply_recipe, base, default_epochs, parse_arg


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Returns the configuration; `arg` is e.g. "labels=400,epochs=100".

  Without `epochs` the method trains as long as its recipe says.
  """
  arg = parse_arg(arg, labels=400, epochs=0, method="suncet", seed=0)
  config = base(arg.method)
  config.seed = arg.seed

  config.data.source = "tfds"
  config.data.tfds_name = "cifar10"
  config.data.batch_size = 512
  config.data.labelled.per_class = arg.labels
  config.data.labelled.classes_per_batch = 10
  config.data.labelled.images_per_class = 16
  config.data.labelled.views = 1
  config.data.validation.per_class = 100

  augment = config.augment
  augment.size = 32
  augment.crop_scale = (0.08, 1.0)
  augment.brightness = augment.contrast = augment.saturation = 0.4
  augment.hue = 0.1
  augment.blur_prob = 0.0

  config.model.name = "resnet18"
  config.model.stem = "cifar"
  config.model.zero_init_residual = True
  config.model.head.layers = 3
  config.model.head.out = 128
  config.model.head.batch_norm = True
  config.model.head.output_batch_norm = True

  config.train.epochs = arg.epochs or default_epochs(
    arg.method, "cifar10", 1000
  )

  config.evals.every_epochs = 10.0
  config.evals.batch_size = 1000
  config.evals.knn.k = 200
  config.evals.linear.batch_size = 512
  config.evals.finetune.batch_size = 512
  config.log.every_steps = 50
  config.checkpoint.every_epochs = 5.0
  apply_recipe(config, "cifar10")
  return config
