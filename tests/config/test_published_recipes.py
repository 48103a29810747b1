"""Recipes have the numbers of the public programs that they name."""

import importlib.util

import pytest
import running

_FIXMATCH_OPTIMIZER = {
  "optim.name": "sgd",
  "optim.nesterov": True,
  "optim.momentum": 0.9,
  "optim.schedule": "cosine_7_16",
  "optim.warmup_epochs": 0.0,
  "optim.exclude_bias_and_norm": True,
  "train.ema_decay": 0.999,
}
_CIFAR10_MATCH = {
  **_FIXMATCH_OPTIMIZER,
  "data.batch_size": 448,
  "data.labelled.classes_per_batch": 8,
  "data.labelled.images_per_class": 8,
  "model.name": "wrn28_2_fixmatch",
  "optim.peak_lr": 0.03,
  "optim.weight_decay": 5e-4,
  "method.threshold": 0.95,
  "method.unlabelled_weight": 1.0,
  "augment.mean": (0.4914, 0.4822, 0.4465),
  "augment.std": (0.2471, 0.2435, 0.2616),
  "weak.pad_crop": 4,
  "weak.operations": 0,
  "weak.cutout": 0.0,
  "strong.pad_crop": 4,
  "strong.operations": 2,
  "strong.operation_prob": 0.5,
  "strong.operation_levels": (1, 9),
  "strong.cutout": 0.5,
  "strong.jitter_prob": 0.0,
}
_IMAGENET_PIXELS = {
  "augment.mean": (0.485, 0.456, 0.406),
  "augment.std": (0.229, 0.224, 0.225),
}
_SMALL_CROPS = {
  "augment.crop_scale": (0.14, 1.0),
  "augment.brightness": 0.8,
  "augment.hue": 0.2,
  "augment.grayscale_prob": 0.2,
  "augment.blur_prob": 0.5,
  "multicrop.views": 6,
  "multicrop.size": 96,
  "multicrop.crop_scale": (0.05, 0.14),
}
_SWAV_OPTIMIZER = {
  "optim.name": "larc",
  "optim.trust_coefficient": 0.001,
  "optim.weight_decay": 1e-6,
  "optim.exclude_bias_and_norm": False,
  "method.temperature": 0.1,
  "method.epsilon": 0.05,
  "method.sinkhorn_iterations": 3,
  "method.frozen_epochs": 1.0,
}


def _colours(group, strength):
  return {
    f"{group}.crop_scale": (0.2, 1.0),
    f"{group}.jitter_prob": 0.8,
    f"{group}.brightness": 0.8 * strength,
    f"{group}.contrast": 0.8 * strength,
    f"{group}.saturation": 0.8 * strength,
    f"{group}.hue": 0.2 * strength,
    f"{group}.grayscale_prob": 0.2,
    f"{group}.blur_prob": 0.0,
    f"{group}.operations": 0,
    f"{group}.cutout": 0.0,
  }


def _comatch_imagenet(threshold, graph_threshold, graph_weight):
  return {
    **_IMAGENET_PIXELS,
    **_colours("strong", 0.5),
    **_colours("augment", 0.5),
    "weak.crop_scale": (0.2, 1.0),
    "weak.jitter_prob": 0.0,
    "data.batch_size": 640,
    "data.labelled.in_pool": False,
    "train.epochs": 400,
    "train.ema_decay": 0.0,
    "model.head.layers": 2,
    "model.head.hidden": 2048,
    "model.head.out": 128,
    "optim.name": "sgd",
    "optim.peak_lr": 0.1,
    "optim.nesterov": True,
    "optim.schedule": "cosine",
    "optim.final_lr": 0.0,
    "optim.weight_decay": 1e-4,
    "optim.exclude_bias_and_norm": False,
    "method.momentum_encoder": True,
    "method.momentum": 0.996,
    "method.first_momentum": 0.99,
    "method.temperature": 0.1,
    "method.smoothing": 0.9,
    "method.bank_rows": 30_000,
    "method.align_steps": 128,
    "method.threshold": threshold,
    "method.graph_threshold": graph_threshold,
    "method.unlabelled_weight": 10.0,
    "method.graph_weight": graph_weight,
    "method.graph_weight_per_epoch": 1.0,
  }


@pytest.mark.parametrize(
  ("file", "argument", "expected"),
  [
    ("cifar10", "method=fixmatch,labels=4", _CIFAR10_MATCH),
    (
      "cifar10",
      "method=comatch,labels=4",
      {
        **_CIFAR10_MATCH,
        **_colours("augment", 0.5),
        "data.labelled.in_pool": False,
        "model.head.layers": 2,
        "model.head.hidden": 0,
        "model.head.out": 64,
        "method.temperature": 0.2,
        "method.smoothing": 0.9,
        "method.align_steps": 32,
        "method.graph_threshold": 0.8,
        "method.graph_weight": 1.0,
        "method.momentum_encoder": False,
      },
    ),
    ("imagenet", "method=comatch,labels=1", _comatch_imagenet(0.6, 0.3, 10.0)),
    ("imagenet", "method=comatch,labels=10", _comatch_imagenet(0.5, 0.2, 2.0)),
    (
      "imagenet",
      "method=fixmatch,labels=10",
      {
        **_FIXMATCH_OPTIMIZER,
        "data.batch_size": 5 * 1024,
        "method.threshold": 0.7,
        "method.unlabelled_weight": 10.0,
        "optim.peak_lr": 0.4,
        "optim.weight_decay": 3e-4,
        "train.epochs": 300,
      },
    ),
    (
      "cifar10",
      "method=paws,labels=400",
      {
        "data.batch_size": 256,
        "data.labelled.classes_per_batch": 10,
        "data.labelled.images_per_class": 64,
        "data.labelled.views": 2,
        "augment.crop_scale": (0.75, 1.0),
        "augment.brightness": 0.4,
        "augment.hue": 0.1,
        "augment.grayscale_prob": 0.0,
        "augment.blur_prob": 0.0,
        "augment.solarize_prob": 0.2,
        "augment.equalize_prob": 0.2,
        "augment.mean": (0.4914, 0.4822, 0.4465),
        "augment.std": (0.2023, 0.1994, 0.2010),
        "multicrop.views": 6,
        "multicrop.size": 18,
        "multicrop.crop_scale": (0.3, 0.75),
        "model.name": "wrn28_2",
        "model.head.layers": 3,
        "model.head.out": 128,
        "method.prediction_head": False,
        "method.temperature": 0.1,
        "method.sharpening": 0.25,
        "method.label_smoothing": 0.1,
        "optim.name": "lars",
        "optim.start_lr": 0.8,
        "optim.peak_lr": 3.2,
        "optim.final_lr": 0.032,
        "optim.warmup_epochs": 10.0,
        "optim.weight_decay": 1e-6,
        "optim.exclude_bias_and_norm": True,
        "train.epochs": 600,
        "evals.soft_nn_finetune.steps": 180,
        "evals.soft_nn_finetune.images_per_class": 64,
        "evals.soft_nn_finetune.learning_rate": 0.1,
        "evals.soft_nn_finetune.final_learning_rate": 0.01,
      },
    ),
    (
      "imagenet",
      "method=paws,labels=10",
      {
        **_IMAGENET_PIXELS,
        **_SMALL_CROPS,
        "data.batch_size": 4096,
        "data.labelled.classes_per_batch": 960,
        "data.labelled.images_per_class": 7,
        "data.labelled.views": 1,
        "method.prediction_head": True,
        "model.head.layers": 3,
        "model.head.hidden": 2048,
        "model.head.out": 2048,
        "model.head.batch_norm": True,
        "model.head.output_batch_norm": False,
        "optim.start_lr": 0.3,
        "optim.peak_lr": 6.4,
        "optim.final_lr": 0.064,
        "evals.finetune.epochs": 50,
        "evals.finetune.first_layers": 1,
        "evals.finetune.batch_size": 1024,
        "evals.finetune.learning_rate": 0.02 / 4,  # of 256 images
      },
    ),
    (
      "imagenet",
      "method=swav",
      {
        **_SWAV_OPTIMIZER,
        **_SMALL_CROPS,
        "augment.mean": (0.485, 0.456, 0.406),
        "augment.std": (0.228, 0.224, 0.225),
        "data.batch_size": 4096,
        "method.prototypes": 3000,
        "method.queue": 0,
        "model.head.hidden": 2048,
        "model.head.out": 128,
        "model.head.batch_norm": True,
        "optim.start_lr": 0.3,
        "optim.peak_lr": 4.8,
        "optim.final_lr": 0.0048,
        "optim.warmup_epochs": 10.0,
        "optim.warmup_includes_peak": True,
      },
    ),
    (
      "dinov2",
      "train=a,test=b,epochs=200",
      {
        "model.name": "vit_s14",
        "model.vit.layer_scale": 1e-5,
        "model.vit.image_size": 518,
        "augment.size": 224,
        "optim.name": "adamw",
        "optim.peak_lr": 1e-3,
        "optim.layer_decay": 0.65,
        "optim.weight_decay": 5e-4,
        "optim.warmup_epochs": 5.0,
        "optim.nesterov": False,
        "optim.schedule": "cosine_7_16",
        "train.ema_decay": 0.0,
      },
    ),
    (
      "folder",
      "method=swav,train=a,test=b,batch=256",
      {
        **_SWAV_OPTIMIZER,
        "method.queue": 3840,
        "method.queue_start_epoch": 15,
        "optim.peak_lr": 0.6,
        "optim.final_lr": 0.0006,
        "optim.warmup_epochs": 0.0,
      },
    ),
  ],
)
def test_a_recipe_has_the_published_numbers(file, argument, expected):
  config = _load(file, argument)
  for path, value in expected.items():
    assert _at(config, path) == pytest.approx(value), path


def test_own_images_that_all_have_labels_are_the_pool_of_comatch():
  config = _load("folder", "method=comatch,train=a,test=b")
  assert config.data.labelled.fraction == 1
  assert config.data.labelled.in_pool


def _load(file, argument):
  path = running.ROOT / "configs" / f"{file}.py"
  spec = importlib.util.spec_from_file_location(file, path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.get_config(argument)


def _at(config, path):
  for name in path.split("."):
    config = config[name]
  return config
