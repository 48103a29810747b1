"""The ImageNet configuration, made small, on JPEG files of our own."""

import json

import running

_SMALL = (
  "--config.data.tfds_name=colour_blocks",
  "--config.data.resize=20",
  "--config.data.centre_crop=16",
  "--config.data.batch_size=8",
  "--config.data.labelled.classes_per_batch=2",
  "--config.data.labelled.images_per_class=4",
  "--config.data.validation.per_class=2",
  "--config.augment.size=16",
  "--config.model.name=resnet8",
  "--config.model.stem=cifar_stride2",
  "--config.model.head.hidden=32",
  "--config.method.supervised_epochs=2",
  "--config.optim.warmup_epochs=1.0",
  "--config.evals.every_epochs=1.0",
  "--config.evals.batch_size=8",
  "--config.evals.finetune.epochs=4",
  "--config.evals.final=('knn','finetune')",
  "--config.log.every_steps=1",
  "--config.log.tensorboard=False",
)


def test_it_trains_switches_off_and_evaluates(tmp_path, colour_blocks):
  names = [f"image{i:02d}.JPEG" for i in range(12)]
  (tmp_path / "10percent.txt").write_text("\n".join(names))
  code, output = running.run(
    "suncet_jax.main",
    f"--config={running.ROOT}/configs/imagenet.py:epochs=4",
    f"--config.data.labelled.file={tmp_path / '10percent.txt'}",
    f"--config.data.data_dir={colour_blocks}",
    *_SMALL,
    f"--workdir={tmp_path / 'run'}",
    devices=2,
  )
  assert code == 0, output
  result = json.loads((tmp_path / "run" / "result.json").read_text())
  # 30 images in the pool, 8 a step: 3 steps an epoch; 8 labelled rows in the
  # first two epochs, none after.
  assert result["step"] == 12
  assert result["images_seen"] == 12 * 16 + 6 * 8
  assert "12 labelled (3 classes), 6 validation, 9 test images" in output
  lines = [line for line in output.splitlines() if line.startswith("step ")]
  assert all("suncet" in line for line in lines[:6])
  assert not any("suncet" in line for line in lines[6:])
  assert 0 <= result["metrics"]["finetune_top5"] <= 1
