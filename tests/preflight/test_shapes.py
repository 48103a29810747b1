"""Experiments without their data."""

import jax
import pytest
import tiny
import virtual

from suncet_jax import plugins
from suncet_jax.config import load_config
from suncet_jax.errors import UserError
from suncet_jax.preflight import memory, shapes
from suncet_jax.preflight.estimate import distinct_phases
from suncet_jax.preflight.shapes import Counts
from suncet_jax.train.experiment import build

_LIST = "tfds:imagenet2012_subset/10pct"


def _types(tree):
  return jax.tree.map(
    lambda leaf: (leaf.shape, leaf.dtype, leaf.sharding), tree
  )


def test_the_shapes_are_those_of_the_batches_that_a_run_gets():
  config, data = tiny.settings(method="suncet")
  parts = build(config, data, virtual.mesh(4))
  spec = parts.batch_spec(0)
  (real,) = parts.stream.batches(range(1), spec.unlabelled, spec.labelled)
  known = Counts(64, 64, 4, (8, 8, 1))
  made = shapes.experiment_on(config, virtual.mesh(4), known)
  assert _types(made.batch_template(made.batch_spec(0))) == _types(real)
  assert made.steps_per_epoch == parts.steps_per_epoch


def test_the_shapes_of_clips_are_those_that_a_run_gets():
  config = load_config("clips:synthetic=mouths,method=simclr,validation=0")
  config.data.clips.update({"count": 160, "test_count": 4, "frames": 4})
  config.data.batch_size = 8
  parts = build(config, mesh=virtual.mesh(4))
  spec = parts.batch_spec(0)
  (real,) = parts.stream.batches(range(1), spec.unlabelled, spec.labelled)
  config.data.clips.synthetic = ""  # of files, whose windows the host cuts
  made = shapes.experiment_on(config, virtual.mesh(4), Counts(160, 4, 10))
  batch = made.batch_template(made.batch_spec(0))
  assert _types(batch.unlabelled) == _types(real.unlabelled * 2)


@pytest.mark.parametrize("method", plugins.method_names())
def test_a_step_of_every_method_is_traced_without_data(method):
  config, _ = tiny.settings(method=method)
  if "images" in plugins.method_spec(method).rows:
    config.data.source, config.data.tfds_name = "tfds", "imagenet2012"
    config.data.reading = "streaming"
    config.data.labelled.update(
      per_class=0, file="tfds:imagenet2012_subset/10pct"
    )
    config.data.labelled.classes_per_batch = 4
    counts = shapes.counts_of(config)
  else:
    config.data.source = "clips"
    config.data.clips.update(size=8, frames=4)
    counts = shapes.counts_of(config, classes=4, images=64)
  parts = shapes.experiment_on(config, virtual.mesh(2), counts)
  for phase in distinct_phases(parts):
    batch = parts.batch_template(phase.spec)
    state = parts.state_template()
    step = parts.step_fn()
    new, metrics = jax.eval_shape(
      lambda state, batch, step=step, spec=phase.spec: step(
        state, batch, spec, 0
      ),
      state,
      batch,
    )
    assert jax.tree.structure(new) == jax.tree.structure(state)
    assert "loss" in metrics


def test_lists_that_are_not_here_become_shares():
  config, _ = tiny.settings()
  config.data.source, config.data.tfds_name = "tfds", "imagenet2012"
  config.data.labelled.update(
    per_class=0, file="tfds:imagenet2012_subset/10pct"
  )
  parts = shapes.experiment_on(
    config, virtual.mesh(1), shapes.counts_of(config)
  )
  # The published list has 128,116.
  assert parts.pipeline.splits.labelled.size == pytest.approx(128_116, rel=0.01)
  assert config.data.labelled.file  # the caller's stays as it is


def test_image_files_come_as_one_crop_for_each_view():
  config, _ = tiny.settings(method="swav")
  config.data.source = "folder"
  config.data.resize = config.data.centre_crop = 16
  config.multicrop.update(views=3, size=4)
  parts = shapes.experiment_on(
    config, virtual.mesh(1), shapes.counts_of(config, 5, 100)
  )
  batch = parts.batch_template(parts.batch_spec(0))
  sizes = [image.shape[1] for image in batch.unlabelled]
  assert set(sizes) == {8, 4}
  assert len(sizes) == len(parts.batch_spec(0).unlabelled)


def test_an_unknown_data_set_asks_for_its_size():
  config, _ = tiny.settings()
  config.data.source = "folder"
  with pytest.raises(UserError, match=r"--classes=100 --images=50000"):
    shapes.counts_of(config)
  with pytest.raises(UserError, match="give both"):
    shapes.counts_of(config, classes=3)
  assert shapes.counts_of(config, 7, 1000)[:3] == (1000, 100, 7)


def test_nothing_can_be_read_from_shapes():
  config, _ = tiny.settings()
  parts = shapes.experiment_on(
    config, virtual.mesh(1), Counts(64, 64, 4, (8, 8, 1))
  )
  with pytest.raises(TypeError, match="shapes only"):
    parts.pipeline.train.images([])


def test_memory_is_told_by_kind_and_rows_count_once():
  config, _ = tiny.settings(method="suncet")
  mesh = virtual.mesh(4)
  parts = shapes.experiment_on(config, mesh, Counts(64, 64, 4, (8, 8, 1)))
  batch = parts.batch_template(parts.batch_spec(0))
  state = parts.state_template()
  kinds = memory.of_state(state, batch)
  of_images = (16 + 8) // 4 * 64 + 8 // 4 * 4
  assert memory.size_of(kinds[memory.BATCH]) == of_images
  parameters = sum(leaf.size * 4 for leaf in jax.tree.leaves(state.params))
  assert memory.size_of(kinds[memory.OPTIMIZER]) >= parameters
  assert memory.size_of(kinds[memory.METHOD]) == 0
