"""The grid: equal budgets, shared runs, what is refused."""

import itertools

import image_files
import pytest
import running

from suncet_jax.compare.entries import parse_entries
from suncet_jax.compare.grid import make_grid
from suncet_jax.compare.recipe import images
from suncet_jax.train.experiment import build
from suncet_jax.train.phases import phases

_DIGITS = f"{running.ROOT}/configs/digits.py"
_FASHION = f"{running.ROOT}/configs/fashion_mnist.py"


def _grid(path, *methods, labels=(10,), seeds=(1,), variants=(), **overrides):
  return make_grid(
    path,
    overrides,
    entries=parse_entries(methods, variants),
    labels=labels,
    seeds=seeds,
    points=6,
  )


def test_budgets_are_equal_in_images_as_far_as_whole_epochs_go():
  runs = _grid(f"{_FASHION}:epochs=12", "simclr", "suncet", "supervised")
  budget = 12 * 2
  assert [run.config.train.epochs for run in runs] == [12, 10, 61]
  for run in runs:
    assert images(run.config) == pytest.approx(budget, rel=0.02)


@pytest.mark.parametrize("epochs", [1, 6, 11, 12, 31])
def test_no_more_checkpoints_are_kept_than_points(epochs):
  (run,) = _grid(f"{_FASHION}:epochs={epochs}", "simclr")
  every = run.config.checkpoint.keep_every_epochs
  kept = {*range(every, epochs, every), epochs}
  assert len(kept) <= 6


def test_shares_of_the_budget():
  runs = _grid(f"{_FASHION}:epochs=12", "simclr@2", "suncet@0.5")
  assert [run.config.train.epochs for run in runs] == [24, 5]
  assert [run.folder for run in runs] == [
    "simclr@2-seed1",
    "suncet@0.5-labels10-seed1",
  ]


def test_what_has_no_share_is_not_trained():
  begun, trained = _grid(_FASHION, "suncet@0", "suncet")
  assert (begun.trains, begun.share) == (False, 0)
  assert begun.as_dict()["trains"] is False
  assert begun.folder == "suncet@0-labels10-seed1"
  assert trained.trains


def test_a_folder_tells_how_many_classes_a_labelled_batch_has(tmp_path):
  file = image_files.encode(image_files.photograph())
  for part, name in itertools.product(("train", "test"), "abc"):
    folder = tmp_path / part / name
    folder.mkdir(parents=True)
    (folder / "1.png").write_bytes(file)
  path = f"{running.ROOT}/configs/folder.py:train={tmp_path}/train"
  path += f",test={tmp_path}/test,batch=48,epochs=10"
  simclr, suncet = _grid(path, "simclr", "suncet", labels=(0,))
  # 8 images of each of 3 classes besides two views of 48.
  assert images(suncet.config) == suncet.config.train.epochs * (2 + 24 / 48)
  assert (simclr.config.train.epochs, suncet.config.train.epochs) == (10, 8)


def test_after_the_switch_off_labelled_images_cost_nothing():
  variant = "method.supervised_epochs=2"
  early = _grid(f"{_FASHION}:epochs=12", "suncet", variants=[variant])[1]
  # 2 epochs of 612 rows and 10 of 512.
  assert early.config.train.epochs == 12
  assert images(early.config) == pytest.approx((2 * 612 + 10 * 512) / 256)


def test_simclr_is_trained_once_for_all_numbers_of_labels():
  runs = _grid(_DIGITS, "simclr", "suncet", labels=(5, 10), seeds=(1, 2))
  folders = [run.folder for run in runs]
  assert folders == [
    "simclr-seed1",
    "suncet-labels5-seed1",
    "suncet-labels10-seed1",
    "simclr-seed2",
    "suncet-labels5-seed2",
    "suncet-labels10-seed2",
  ]
  assert [list(run.measured) for run in runs[:3]] == [
    ["5", "10"],
    ["5"],
    ["10"],
  ]
  of_ten = runs[0].measured["10"]
  assert of_ten.data.labelled.per_class == 10
  assert of_ten.train.epochs == runs[0].config.train.epochs


def test_a_variant_changes_its_fields_only():
  plain, changed = _grid(
    _DIGITS, "suncet", variants=["optim.name=lars,optim.peak_lr=2"]
  )
  assert (changed.config.optim.name, changed.config.optim.peak_lr) == (
    "lars",
    2,
  )
  assert plain.config.optim.name == "sgd"
  assert changed.config.method == plain.config.method
  assert changed.folder.startswith("suncet-optim.name=lars,optim.peak_lr=2-")


@pytest.mark.parametrize(
  ("variant", "expected"),
  [
    ("method.temprature=0.2", "temprature"),
    ("method.temperature=warm", "--variant=method.temperature=warm"),
    ("method.temperature=-1", "method.temperature is -1"),
    # Of these no number of epochs is as many images as the budget.
    ("data.labelled.images_per_class=0", "images_per_class is 0"),
    ("data.batch_size=0", "data.batch_size is 0"),
    ("seed=9", "--variant=seed=9: seed is decided by --seeds"),
    ("train.epochs=3", "train.epochs is decided by the budget"),
    ("evals.final=()", "evals.final is decided by the comparison"),
  ],
)
def test_variants_that_make_no_sense(variant, expected):
  with pytest.raises(ValueError, match=expected):
    _grid(_DIGITS, "suncet", variants=[variant])


def test_a_variant_of_a_field_that_the_method_lacks_is_refused():
  with pytest.raises(ValueError, match="--variant=method"):
    _grid(_DIGITS, "supervised", variants=["method.temperature=0.2"])


@pytest.mark.parametrize(
  ("field", "value", "flag"),
  [
    ("seed", 7, "--seeds"),
    ("method.name", "suncet", "--methods"),
    ("data.labelled.per_class", 20, "--labels"),
    ("checkpoint.every_epochs", 1.0, "--points"),
  ],
)
def test_what_differs_from_run_to_run_cannot_be_overridden(field, value, flag):
  with pytest.raises(
    ValueError, match=f"--config: {field} is decided by {flag}"
  ):
    _grid(_DIGITS, "simclr", **{field: value})


def test_the_budget_may_be_overridden():
  runs = _grid(f"{_FASHION}:epochs=12", "simclr", **{"train.epochs": 6})
  assert [run.config.train.epochs for run in runs] == [6]


def test_what_a_recipe_derives_from_its_epochs_fits_each_run(tmp_path):
  path = tmp_path / "derived.py"
  path.write_text(
    "import runpy\n"
    "from suncet_jax.config import parse_arg\n"
    "def get_config(arg=''):\n"
    f"  config = runpy.run_path({_DIGITS!r})['get_config'](arg)\n"
    "  config.optim.warmup_epochs = config.train.epochs / 10\n"
    "  return config\n"
  )
  runs = _grid(f"{path}:epochs=28", "simclr", "suncet", "suncet@0.1")
  assert [run.config.train.epochs for run in runs] == [28, 20, 2]
  for run in runs:
    epochs = run.config.train.epochs
    assert run.config.optim.warmup_epochs == pytest.approx(epochs / 10)


@pytest.mark.parametrize(
  ("method", "variants"),
  [
    ("simclr", ()),
    ("suncet", ()),
    ("suncet", ["method.supervised_epochs=2"]),
    ("supervised", ()),
  ],
)
def test_images_are_those_that_training_counts(method, variants):
  fields = {"data.labelled.images_per_class": 4}  # 8 devices share 40 rows
  runs = _grid(f"{_DIGITS}:epochs=5", method, variants=variants, **fields)
  config = runs[-1].config
  parts = build(config)
  pool = parts.steps_per_epoch * config.data.batch_size
  counted = phases(parts)[-1].images_at(parts.total_steps)
  assert counted == pytest.approx(images(config) * pool)


def test_a_configuration_without_the_arguments_is_refused(tmp_path):
  path = tmp_path / "fixed.py"
  path.write_text(
    "from suncet_jax.config import base, parse_arg\n"
    "def get_config(arg=''):\n"
    "  parse_arg(arg, seed=0)\n"
    "  return base()\n"
  )
  with pytest.raises(ValueError, match="'method' is unknown"):
    _grid(str(path), "simclr")
