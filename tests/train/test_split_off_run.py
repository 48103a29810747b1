"""A run whose test images are split off its training images."""

import csv
import json

import image_files
import pytest
import running

_SMALL = (
  "--config.model.name=resnet8",
  "--config.model.stem=cifar_stride2",
  "--config.model.head.hidden=16",
  "--config.evals.final=('knn',)",
  "--config.log.tensorboard=False",
)


@pytest.fixture
def train(tmp_path):
  """Two classes of ten images."""
  for name in "ab":
    place = tmp_path / "train" / name
    place.mkdir(parents=True)
    for i in range(10):
      photograph = image_files.photograph(12, 16, shift=i)
      (place / f"{i}.png").write_bytes(image_files.encode(photograph))
  return tmp_path / "train"


@pytest.mark.slow
def test_the_test_images_are_kept_and_measured(tmp_path, train, cache):
  """Training, going on and evaluating agree on them."""
  run = tmp_path / "run"
  command = (
    "suncet_jax.main",
    f"--config={running.ROOT}/configs/folder.py:train={train},"
    "test_fraction=0.3,size=8,batch=8,epochs=1,validation=1",
    *_SMALL,
    f"--workdir={run}",
  )
  code, output = running.run(*command, cache=cache)
  assert code == 0, output
  assert "12 unlabelled, 12 labelled (2 classes), 2 validation, 6 test" in (
    output
  )
  kept = (run / "test_images.csv").read_text()
  rows = list(csv.DictReader(kept.splitlines()))
  assert [row["label"] for row in rows] == ["a"] * 3 + ["b"] * 3
  assert all((train / row["path"]).exists() for row in rows)
  result = json.loads((run / "result.json").read_text())
  (run / "result.json").unlink()
  (run / "test_images.csv").unlink()
  code, output = running.run(*command, cache=cache)
  assert code == 0, output
  assert (run / "test_images.csv").read_text() == kept
  code, output = running.run(
    "suncet_jax.evaluate", f"--workdir={run}", "--evals=knn", cache=cache
  )
  assert code == 0, output
  (measured,) = run.glob("evaluations-*.json")
  again = json.loads(measured.read_text())
  assert again
  assert again.items() <= result["metrics"].items()
  # An image more is another data set: it might be a test image.
  new = image_files.encode(image_files.photograph(12, 16, shift=20))
  (train / "a" / "10.png").write_bytes(new)
  (run / "result.json").unlink()
  code, output = running.run(*command, cache=cache)
  assert code == 2
  assert "The data set is not the one that this run began with" in output
