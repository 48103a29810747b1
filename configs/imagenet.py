"""ImageNet, ResNet-50, 1 % or 10 % of the labels: the paper's recipe.

Purpose: reproduce SimCLR + SuNCEt of Assran et al. 2020 (arXiv 2006.10803).

    python -m suncet_jax.main --workdir=runs/imagenet \
        --config=configs/imagenet.py:labels=10,epochs=500,method=suncet

Data: `python -m suncet_jax.prepare --dataset=imagenet2012` makes
array_record files of the archives, or of tfrecord files that are there.
tfrecord in a bucket is streamed: `--config.data.reading=streaming`. Labelled
images are those of the lists that both SimCLR and SuNCEt use (12,811 or 128,116
file names), which TFDS fetches; from a file of your own with
`--config.data.labelled.file=10percent.txt`.

Expected figures, published (authors' own runs, facebookresearch/suncet): top-1
/ top-5 after fine-tuning on 10 % of the labels; unverified here, where there
is no accelerator:

    epochs   SimCLR        SimCLR + SuNCEt
      100    61.7 / 85.0   63.2 / 86.2
      200    63.8 / 86.7   64.8 / 87.0
      300    64.8 / 87.1   65.6 / 87.6
      500    65.5 / 87.4   66.7 / 88.2
     1000    66.1 / 87.8   not run
    For 1 % nothing is published.

Sources of the numbers: facebookresearch/suncet at its release for the paper
(5245e4a), where 64 devices hold 44 x 2 unlabelled and 20 x 2 labelled rows
each; here in global terms, for any number of devices that divides them.
Plain SimCLR has 64 images x 2 views per device there: 8,192 rows either way.
The same 20 classes are on every device, so a step has 20 classes x 128 images.
"""

import ml_collections

from suncet_jax.config import apply_recipe, base, default_epochs, parse_arg


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Returns the configuration; `arg` is e.g. "labels=10,epochs=500".

  Without `epochs` the method trains as long as its recipe says.
  """
  arg = parse_arg(arg, labels=10, epochs=0, method="suncet", seed=0)
  if arg.labels not in (1, 10):
    raise ValueError(
      f"labels={arg.labels}: the published lists hold 1 or 10 percent. For "
      "another subset set --config.data.labelled.file to a list of your own."
    )
  config = base(arg.method)
  config.seed = arg.seed

  data = config.data
  data.source = "tfds"
  data.tfds_name = "imagenet2012"
  data.test_split = "validation"  # the 50,000 images that papers report on
  data.reading = "random"  # "streaming" for tfrecord files, or gs://
  data.resize, data.centre_crop = 256, 224
  data.labelled.file = f"tfds:imagenet2012_subset/{arg.labels}pct"
  data.labelled.classes_per_batch = 20
  data.labelled.images_per_class = 64 * 2
  data.labelled.views = 1
  # 12 per class, as many as upstream's val.txt; that list itself would be
  # data.validation.file, with per_class=0. They stay in the pool, which
  # upstream makes of all 1,281,167 images: 454 steps per epoch (SimCLR: 312).
  data.validation.per_class = 12
  data.validation.in_pool = True

  augment = config.augment  # torchvision's, strength 1.0; images in [0, 1]
  augment.size = 224
  augment.crop_scale = (0.08, 1.0)
  augment.brightness = augment.contrast = augment.saturation = 0.8
  augment.hue = 0.2

  config.model.name = "resnet50"
  config.model.head.layers = 2
  config.model.head.hidden = 2048
  config.model.head.out = 128
  config.model.head.batch_norm = False

  config.train.epochs = arg.epochs or default_epochs(
    arg.method, "imagenet", 100
  )

  config.evals.every_epochs = 10.0
  config.evals.batch_size = 512
  config.evals.knn.k = 20
  config.evals.finetune.epochs = 30 if arg.labels == 10 else 60
  config.evals.finetune.batch_size = 4096
  config.evals.finetune.learning_rate = 0.05
  config.log.every_steps = 50
  apply_recipe(config, "imagenet")
  return config
