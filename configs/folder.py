"""Your own images, a few of them labelled.

Purpose: a classifier of images of any kind, on one GPU or TPU, or with smaller
numbers on a laptop; docs/tutorial.md goes through all of it.

    python -m suncet_jax.main --workdir=runs/mine \
        --config=configs/folder.py:train=/data/train,test=/data/test

`train` and `test` hold one sub-folder per class, or are CSV files with the
columns path and label (an empty label: unlabelled). Without a test set
`test_fraction=0.2` splits a fifth of the labelled images off. Further images
without a label: `unlabelled=/data/others`. All labelled training images are
used, but for `validation=5` per class that are held out to monitor training;
`labels=20` uses 20 per class and takes the others as unlabelled (`labels=0`,
the default, uses all). Look at the data before, and see which numbers fit them:
`python -m suncet_jax.check --config=configs/folder.py:...`.

The method is FixMatch: with four labels per class of digits it is 8.7 points
ahead of labels alone and 10.9 of SimCLR + SuNCEt, and simpler than CoMatch,
which is as good (docs/few_labels.md). The baseline of labels alone:
`method=supervised` with `--config.method.view=strong`. Other sizes: `size=96`
for small images or a slow machine, `model=resnet50` for large ones and a fast
machine.

Expected figures: they depend on the images; docs/tutorial.md has some of 216
small photographs.

Sources of the numbers: those of the method's recipe, which names its own;
SimCLR's augmentation (arXiv 2002.05709, appendix A); the rest was chosen here.
"""

import ml_collections

from suncet_jax.config import apply_recipe, base, default_epochs, parse_arg

DEFAULTS = {
  "train": "",
  "test": "",
  "test_fraction": 0.0,
  "unlabelled": "",
  "labels": 0,  # all but those for validation
  "validation": 5,
  "size": 128,
  "batch": 256,
  "model": "resnet18",
  "epochs": 0,  # as long as the method's recipe says
  "method": "fixmatch",
  "seed": 0,
}


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Returns the configuration; `arg` is e.g. "train=/data/a,test=/data/b".

  Without `epochs` the method trains as long as its recipe says.
  """
  arg = parse_arg(arg, **DEFAULTS)
  config = base(arg.method)
  config.seed = arg.seed

  data = config.data
  data.source = "folder"
  data.train, data.test, data.unlabelled = arg.train, arg.test, arg.unlabelled
  data.test_fraction = arg.test_fraction
  data.resize, data.centre_crop = round(arg.size * 8 / 7), arg.size
  data.batch_size = arg.batch
  if arg.labels:
    data.labelled.per_class = arg.labels
  else:
    data.labelled.fraction = 1.0
  data.labelled.classes_per_batch = 0  # all, up to 20
  data.labelled.images_per_class = 8
  data.labelled.views = 1
  data.validation.per_class = arg.validation

  config.augment.size = arg.size
  config.augment.blur_sigma = (0.1, max(0.2, 2.0 * arg.size / 224))

  config.model.name = arg.model
  config.model.stem = "cifar" if arg.size < 64 else "imagenet"
  config.model.head.layers = 3
  config.model.head.out = 128
  config.model.head.batch_norm = True
  config.model.head.output_batch_norm = True

  config.train.epochs = arg.epochs or default_epochs(arg.method, "folder", 200)

  config.evals.every_epochs = 5.0 if arg.validation else 0.0
  config.evals.knn.k = 10
  config.evals.linear.batch_size = 512
  config.evals.finetune.epochs = 60
  config.evals.finetune.batch_size = 256
  config.log.every_steps = 10
  apply_recipe(config, "folder")
  return config
