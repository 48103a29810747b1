"""Videos with sound: your own, or made in code.

Purpose: representations of clips, of frames and their sound together; with a
few labels, a classifier of them. docs/clips.md has all about the data.

    pip install 'suncet_jax[clips]'
    python -m suncet_jax.check --pictures=sheet.png \
        --config=configs/clips.py:train=/data/train,test=/data/test
    python -m suncet_jax.main --workdir=runs/clips \
        --config=configs/clips.py:train=/data/train,test=/data/test

`train` and `test` hold one sub-folder of videos per class, or are CSV files
with the columns path and label (an empty label: unlabelled). Without a test set
`test_fraction=0.2` splits a fifth of the labelled videos off. Further videos
without a label: `unlabelled=/data/others`.

Made in code, without a download: `synthetic=shapes`, two shapes of which one
sounds, for Global-Local; `synthetic=mouths`, which speak ten words, for
`method=lira`.

    python -m suncet_jax.main --workdir=runs/shapes \
        --config=configs/clips.py:synthetic=shapes

Expected figures: docs/clips.md.

Sources of the numbers: 25 frames and 100 columns of sound a second, and 80
bands, are usual in lip reading (mpc001/auto_avsr); frames of 112 pixels are
those of Global-Local's public code (yunyikristy/global_local); the synthetic
sets and the rest were chosen here for two CPU cores. A method's own numbers
come from its recipe.
"""

import ml_collections

from suncet_jax.config import apply_recipe, base, default_epochs, parse_arg


def get_config(arg: str = "") -> ml_collections.ConfigDict:
  """Returns the configuration; `arg` is e.g. "train=/data/a,test=/data/b".

  Without `epochs` the method trains as long as its recipe says.
  """
  arg = parse_arg(
    arg,
    train="",
    test="",
    test_fraction=0.0,
    unlabelled="",
    synthetic="",
    labels=0,  # all but those for validation
    validation=5,
    batch=32,
    epochs=0,  # as long as the method's recipe says
    method="global_local",
    seed=0,
  )
  config = base(arg.method)
  config.seed = arg.seed

  data = config.data
  data.source = "clips"
  data.train, data.test, data.unlabelled = arg.train, arg.test, arg.unlabelled
  data.test_fraction = arg.test_fraction
  data.batch_size = arg.batch
  data.max_bad_fraction = 0.01
  if arg.labels:
    data.labelled.per_class = arg.labels
  else:
    data.labelled.fraction = 1.0
  data.labelled.classes_per_batch = 0  # all, up to 20
  data.labelled.images_per_class = 2
  data.validation.per_class = arg.validation

  clips = data.clips
  clips.synthetic = arg.synthetic
  if arg.synthetic:
    clips.size, clips.bands = 32, 40
    clips.channels = 1 if arg.synthetic == "mouths" else 3
  else:
    clips.frames = 32

  config.model.name = "lira"  # which suits methods that have no network
  recipe = arg.synthetic or "clips"
  config.train.epochs = arg.epochs or default_epochs(arg.method, recipe, 50)

  config.evals.every_epochs = 5.0 if arg.validation else 0.0
  config.evals.batch_size = 64
  config.evals.knn.k = 10
  config.evals.final = ("knn", "linear")
  config.log.every_steps = 10
  apply_recipe(config, recipe)
  return config
