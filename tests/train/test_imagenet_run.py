"""configs/imagenet.py on real photographs in ImageNet's own layout."""

import json

import pytest
import running

from suncet_jax.prepare.prepare import prepare

# Sizes only: everything else is what ImageNet is trained with.
_SMALL = (
  "--config.data.resize=36",
  "--config.data.centre_crop=32",
  "--config.data.batch_size=1000",
  "--config.data.labelled.classes_per_batch=20",
  "--config.data.labelled.images_per_class=2",
  "--config.data.validation.per_class=1",
  "--config.augment.size=32",
  "--config.model.name=resnet8",
  "--config.model.stem=cifar_stride2",
  "--config.model.head.hidden=32",
  "--config.optim.warmup_epochs=1.0",
  "--config.method.supervised_epochs=1",
  "--config.evals.every_epochs=2.0",
  "--config.evals.batch_size=500",
  "--config.evals.finetune.epochs=1",
  "--config.evals.finetune.batch_size=1000",
  "--config.evals.final=('knn','finetune')",
  "--config.log.every_steps=1",
  "--config.log.tensorboard=False",
  "--config.log.report=False",
)


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
  """TFDS's imagenet2012, all classes: 2 photographs each, 500 to test."""
  archives = tmp_path_factory.mktemp("archives")
  running.load_tool("photographs").write_archives(
    archives,
    classes=1000,
    per_class=2,
    validation=500,
    size=(64, 48),
    kilobytes=None,
  )
  folder = tmp_path_factory.mktemp("tfds")
  for file_format in ("array_record", "tfrecord"):
    prepare(
      "imagenet2012",
      data_dir=str(folder),
      manual_dir=str(archives),
      file_format=file_format,
    )
  return folder


def _names(folder):
  """Names of one image per class, as the published lists have them."""
  import tensorflow_datasets as tfds

  from suncet_jax.data.tfds.load import make_index

  index = make_index(tfds.builder("imagenet2012", data_dir=folder), "train")
  return sorted({name.partition("_")[0]: name for name in index.names}.values())


@pytest.mark.parametrize("reading", ["random", "streaming"])
@pytest.mark.slow
def test_it_trains_switches_off_and_evaluates(
  tmp_path, imagenet, cache, reading
):
  (tmp_path / "10percent.txt").write_text("\n".join(_names(imagenet)))
  code, output = running.run(
    "suncet_jax.main",
    f"--config={running.ROOT}/configs/imagenet.py:epochs=2",
    f"--config.data.labelled.file={tmp_path / '10percent.txt'}",
    f"--config.data.data_dir={imagenet}",
    f"--config.data.reading={reading}",
    *_SMALL,
    f"--workdir={tmp_path / 'run'}",
    devices=2,
    cache=cache,
    optimized=True,
  )
  assert code == 0, output
  result = json.loads((tmp_path / "run" / "result.json").read_text())
  # 2,000 images in the pool, 1,000 a step: 2 steps an epoch; 40 labelled rows
  # in the first epoch, none after.
  assert result["step"] == 4
  assert result["images_seen"] == 4 * 2000 + 2 * 40
  assert (
    "2,000 unlabelled, 1,000 labelled (1000 classes), 1,000 validation, 500 "
    "test images" in output
  )
  lines = [line for line in output.splitlines() if line.startswith("step ")]
  assert len(lines) == 4
  assert all("suncet" in line for line in lines[:2])
  assert not any("suncet" in line for line in lines[2:])
  assert 0 <= result["metrics"]["finetune_top5"] <= 1
