"""Each file of configs/ loads from anywhere and describes its recipe."""

import importlib.util
import pathlib

import pytest

from suncet_jax.config import validate

_FOLDER = pathlib.Path(__file__).resolve().parents[2] / "configs"
_FILES = sorted(_FOLDER.glob("*.py"))
_OF_FILES = ("folder", "dinov2", "clips")  # of one's own


def _load(name, arg=""):
  spec = importlib.util.spec_from_file_location(name, _FOLDER / f"{name}.py")
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module.get_config(arg)


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
  """Another working directory, without any file."""
  monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("method", ["suncet", "simclr"])
@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.stem)
def test_loads_and_validates_from_another_directory(file, method, elsewhere):
  places = ",train=a,test=b" if file.stem in _OF_FILES else ""
  config = _load(file.stem, f"method={method},epochs=300{places}")
  validate(config)
  assert config.method.name == method
  assert config.train.epochs == 300


@pytest.mark.parametrize("name", ["digits", "fashion_mnist", "cifar10"])
def test_the_baseline_differs_in_the_method_only(name):
  ours, baseline = _load(name).to_dict(), _load(name, "method=simclr").to_dict()
  assert ours.pop("method")["name"] == "suncet"
  assert baseline.pop("method")["name"] == "simclr"
  assert ours == baseline


@pytest.mark.parametrize(
  ("method", "unlabelled"), [("suncet", 2816), ("simclr", 4096)]
)
def test_imagenet_keeps_8192_rows(method, unlabelled):
  config = _load("imagenet", f"method={method}")
  labelled = config.data.labelled
  rows = 2 * config.data.batch_size
  if method == "suncet":
    rows += labelled.classes_per_batch * labelled.images_per_class
  assert config.data.batch_size == unlabelled
  assert rows == 8192


def test_imagenet_is_the_recipe_of_the_paper(elsewhere):
  config = _load("imagenet", "labels=1,epochs=500")
  flat = {
    "method.temperature": 0.1,
    "method.supervised_epochs": 250,
    "optim.name": "larc",
    "optim.trust_coefficient": 0.001,
    "optim.start_lr": 0.6,
    "optim.peak_lr": 4.8,
    "optim.final_lr": 0.0,
    "optim.warmup_epochs": 10.0,
    "optim.momentum": 0.9,
    "optim.weight_decay": 1e-6,
    "optim.exclude_bias_and_norm": False,
    "augment.size": 224,
    "augment.crop_scale": (0.08, 1.0),
    "augment.hue": 0.2,
    "augment.grayscale_prob": 0.2,
    "augment.blur_prob": 0.5,
    "augment.mean": (),
    "model.name": "resnet50",
    "model.head.layers": 2,
    "model.head.hidden": 2048,
    "model.head.out": 128,
    "model.head.batch_norm": False,
    "data.labelled.file": "tfds:imagenet2012_subset/1pct",
    "evals.finetune.epochs": 60,
    "evals.finetune.batch_size": 4096,
    "evals.finetune.learning_rate": 0.05,
  }
  for path, expected in flat.items():
    value = config
    for name in path.split("."):
      value = value[name]
    assert value == expected, path
  # Over the whole training set an epoch has as many steps as upstream's.
  assert 1_281_167 // config.data.batch_size == 454
  assert 1_281_167 // _load("imagenet", "method=simclr").data.batch_size == 312


def test_imagenet_has_no_other_subsets():
  with pytest.raises(ValueError, match="labels=5"):
    _load("imagenet", "labels=5")


@pytest.mark.parametrize("file", _FILES, ids=lambda file: file.stem)
def test_the_docstring_gives_purpose_command_and_sources(file):
  text = file.read_text()
  for part in (
    "Purpose:",
    f"--config=configs/{file.name}",
    "Expected figures",
    "Sources of the numbers",
  ):
    assert part in text, part
