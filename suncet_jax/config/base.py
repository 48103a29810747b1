"""The fields that every configuration has, with their meaning and unit."""

from collections.abc import Mapping
from typing import Any

import ml_collections
from ml_collections import ConfigDict


def base() -> ml_collections.ConfigDict:
  """Returns a configuration with every field set to a neutral default.

  A file in `configs/` takes this, sets what its recipe fixes and says where
  each number comes from. Sizes of batches are global: over all devices.
  """
  return ConfigDict(
    {
      # Of everything random: weights, order of images, views, data splits.
      "seed": 0,
      # Of activations and their products: "float32" or "bfloat16". Parameters,
      # statistics, sums and losses are float32 in both. ("float64": tests.)
      "precision": "float32",
      "method": _method(),
      "data": _data(),
      "augment": _augment(),
      "multicrop": _multicrop(),
      "model": _model(),
      "optim": _optim(),
      "train": _train(),
      "evals": _evals(),
      # report: write report.html when the run is done.
      "log": {"every_steps": 10, "tensorboard": True, "report": True},
      "checkpoint": {
        "every_epochs": 1.0,
        "keep": 2,  # newest checkpoints kept
        "keep_every_epochs": 0,  # also keep one for good every N epochs; 0: no
      },
    }
  )


def from_dict(values: Mapping[str, Any]) -> ConfigDict:
  """Returns a configuration that was kept as nested dicts, such as in JSON."""
  config = base()
  config.update(values)
  return config


def _method() -> dict:
  return {
    # "simclr": NT-Xent alone; "suncet": NT-Xent + SuNCEt; "supervised": the
    # baseline, cross-entropy of the labelled images alone.
    "name": "suncet",
    "temperature": 0.1,  # of both losses
    "stop_gradient_keys": False,  # True: the detached form of upstream
    "suncet_weight": 1.0,  # factor of SuNCEt in the sum
    # From this epoch on labelled images are neither loaded nor forwarded;
    # -1: they are used until the end.
    "supervised_epochs": -1,
  }


def _data() -> dict:
  return {
    # "digits" (embedded), "tfds", "folder" (of your own images), or "arrays"
    # (given to `run` in Python).
    "source": "digits",
    "tfds_name": "",  # e.g. "cifar10"
    "data_dir": "",  # of TFDS; empty: $TFDS_DATA_DIR or ~/tensorflow_datasets
    "test_split": "test",  # of TFDS; touched by the final evaluation only
    # folder: class sub-folders, or a CSV file with the columns path and label
    # (empty: unlabelled). Local or gs://.
    "train": "",
    "test": "",
    "unlabelled": "",  # folder: further images without labels, if any
    # tfds: "memory": all images decoded in memory. Else image files, decoded
    # and cropped on the host: "random": random access (array_record on a
    # disk); "streaming": tfrecord, on a disk or gs://, shuffled in blocks; the
    # order then depends on the number of processes.
    "reading": "memory",
    "block_shards": 8,  # streaming: shards that are pooled and permuted
    # streaming: limit of what each process holds: blocks and labelled images.
    "memory_limit_gb": 32.0,
    "workers": 0,  # threads that decode image files; 0: one per CPU
    "max_bad_fraction": 0.001,  # of image files that cannot be decoded
    "resize": 256,  # image files: evaluation resizes the short side to this ...
    "centre_crop": 224,  # ... and takes the centre; both in pixels
    "batch_size": 256,  # unlabelled images per step, each seen as two views
    # Labels known to training: set exactly one of the three.
    "labelled": {
      "per_class": 0,  # images per class
      # Of each class, in (0, 1]; 1: all but the validation images.
      "fraction": 0.0,
      # One image name (TFDS file_name, path within the folder) or index per
      # line; or tfds:imagenet2012_subset/10pct, the list that TFDS uses.
      "file": "",
      "classes_per_batch": 10,  # 0: all, or 20 if there are more
      "images_per_class": 2,  # per step and class
      "views": 1,  # augmented views of each labelled image
    },
    # Held out of the training set; for monitoring. Labelled and validation
    # images are disjoint.
    "validation": {
      "per_class": 0,
      "file": "",  # instead of per_class: a list as labelled.file
      # True: their images (not their labels) stay in the unlabelled pool.
      "in_pool": False,
    },
    "split_seed": -1,  # of labelled subset and validation; -1: as `seed`
  }


def _augment() -> dict:
  return {
    "size": 32,  # pixels
    "crop_scale": (0.08, 1.0),  # of the image's area
    "crop_ratio": (3 / 4, 4 / 3),
    "flip_prob": 0.5,
    "jitter_prob": 0.8,
    "brightness": 0.8,  # factors of torchvision's ColorJitter
    "contrast": 0.8,
    "saturation": 0.8,
    "hue": 0.2,
    "grayscale_prob": 0.2,
    "blur_prob": 0.5,
    "blur_sigma": (0.1, 2.0),  # pixels
    "solarize_prob": 0.0,
    "equalize_prob": 0.0,
    "mean": (),  # per channel; empty: images stay in [0, 1]
    "std": (),
  }


def _multicrop() -> dict:
  return {
    # Further small crops of each unlabelled image, each contrasted with the
    # two large ones; but for these fields as config.augment.
    "views": 0,
    "size": 96,  # pixels
    "crop_scale": (0.05, 0.14),
  }


def _model() -> dict:
  return {
    "name": "resnet50",  # see suncet_jax/architectures.py
    "width": 1,
    "stem": "imagenet",
    # "auto": on one CPU device oneDNN's, if it is there (python -m
    # suncet_jax.doctor says), else XLA's. "xla": XLA's everywhere.
    "convolution": "auto",
    "zero_init_residual": False,
    "head": {
      "layers": 2,
      "hidden": 0,  # 0: as many as features
      "out": 128,
      "batch_norm": False,
      "output_batch_norm": False,
    },
  }


def _optim() -> dict:
  return {
    "name": "lars",  # or "sgd"
    "start_lr": 0.0,  # at step 0
    "peak_lr": 1.0,  # after the warm-up
    "final_lr": 0.0,  # at the last step
    "warmup_epochs": 0.0,
    "momentum": 0.9,
    "weight_decay": 0.0,
    "trust_coefficient": 0.001,  # LARS
    # True: biases and norm parameters get neither decay nor LARS scaling.
    "exclude_bias_and_norm": False,
  }


def _train() -> dict:
  return {
    "epochs": 100,  # over the unlabelled pool, last incomplete batch dropped
    # Steps with a loss or gradient that is not finite change nothing; so many
    # in a row end the run.
    "max_skipped_in_a_row": 10,
    "debug_nans": False,  # stop at the operation that makes the first NaN
    # Two ways to less memory. remat: keep only what goes into each residual
    # block and compute the block again for its gradient; the same result.
    # micro_batches: the network sees a batch in so many parts, each with a
    # batch norm of its own, and is computed again too; the losses see all rows.
    "remat": False,
    "micro_batches": 1,
    # Evaluate an exponential moving average of the weights over the steps; such
    # as 0.999; 0: the weights themselves.
    "ema_decay": 0.0,
    # Keep compiled programs in the run's folder: going on starts sooner.
    "compilation_cache": True,
  }


def _evals() -> dict:
  return {
    "final": ("knn", "soft_nn", "linear", "finetune"),
    "batch_size": 256,
    # Pixels that images are resized to for evaluation; 0: as they are. A
    # network whose strides do not divide the size sees other borders than in
    # training, and fine-tuning suffers from it.
    "image_size": 0,
    "every_epochs": 1.0,  # kNN on the validation images; 0: never
    "knn": {"k": 20, "temperature": 0.07},
    "soft_nn": {"temperature": 0.1},
    # Peak learning rate = learning_rate * batch / 256 in both.
    "linear": {
      "epochs": 90,
      "batch_size": 4096,
      "learning_rate": 0.1,
      "weight_decay": 0.0,
    },
    "finetune": {
      "epochs": 30,
      "batch_size": 4096,
      "learning_rate": 0.05,
      "crop_scale": (0.08, 1.0),
      "flip_prob": 0.5,
    },
  }
