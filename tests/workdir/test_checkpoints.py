"""Checkpoints: exact, and safe from damage, other models and full disks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import virtual

from suncet_jax.devices.mesh import replicated
from suncet_jax.workdir.checkpoints import (
  Checkpoints,
  SaveError,
  TreeMismatchError,
)
from suncet_jax.workdir.digest import leaf_digests, tree_digest


def _state(step, dtype=jnp.float32):
  key = jax.random.key(step)
  return {
    "step": jnp.asarray(step, jnp.int32),
    "params": {"w": jax.random.normal(key, (64, 33)).astype(dtype)},
    "method_state": (),
  }


def _template(devices=1, dtype=jnp.float32):
  mesh = virtual.mesh(devices)
  return jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=replicated(mesh)),
    _state(0, dtype),
  )


def _save(folder, *steps, **settings):
  with Checkpoints(folder, **settings) as checkpoints:
    for step in steps:
      checkpoints.save(step, _state(step), {"seconds": step / 2})
    checkpoints.wait()


def _restored(folder, template=None, step=None):
  with Checkpoints(folder) as checkpoints:
    return checkpoints.restore(template or _template(), step)


def _flip_a_bit(folder, step):
  """Flips one bit in the middle of the largest file: array data."""
  files = [f for f in (folder / str(step) / "state").rglob("*") if f.is_file()]
  largest = max(files, key=lambda f: f.stat().st_size)
  data = bytearray(largest.read_bytes())
  data[len(data) // 2] ^= 4
  largest.write_bytes(data)


def test_nothing_saved_is_none(tmp_path):
  with Checkpoints(tmp_path) as checkpoints:
    assert checkpoints.latest() is None
    assert checkpoints.restore(_template()) is None


@pytest.mark.parametrize("devices", [1, 4])
def test_the_newest_comes_back_bit_for_bit(tmp_path, devices):
  _save(tmp_path, 3, 7)
  state, metadata = _restored(tmp_path, _template(devices))
  jax.tree.map(np.testing.assert_array_equal, state, _state(7))
  assert metadata == {"seconds": 3.5}
  assert len(state["params"]["w"].sharding.device_set) == devices


def test_old_steps_go_and_chosen_ones_stay(tmp_path):
  _save(tmp_path, *range(1, 8), keep=2, keep_every_steps=3)
  steps = sorted(int(p.name) for p in tmp_path.iterdir() if p.name.isdigit())
  assert steps == [3, 6, 7]


def test_a_flipped_bit_is_found_and_the_step_before_taken(tmp_path):
  _save(tmp_path, 3, 7)
  _flip_a_bit(tmp_path, 7)
  state, metadata = _restored(tmp_path)
  assert int(state["step"]) == 3
  assert metadata["seconds"] == 1.5
  assert (tmp_path / "corrupt-7").is_dir()
  _save(tmp_path, 7)  # the step can be made again
  assert int(_restored(tmp_path)[0]["step"]) == 7


@pytest.mark.parametrize("name", ["state/_METADATA", "meta/metadata"])
def test_a_truncated_file_gives_way_to_the_step_before(tmp_path, name):
  _save(tmp_path, 3, 7)
  file = tmp_path / "7" / name
  file.write_bytes(file.read_bytes()[:10])
  assert int(_restored(tmp_path)[0]["step"]) == 3


def test_a_missing_item_gives_way_to_the_step_before(tmp_path):
  _save(tmp_path, 3, 7)
  for file in (tmp_path / "7" / "meta").iterdir():
    file.unlink()
  (tmp_path / "7" / "meta").rmdir()
  assert int(_restored(tmp_path)[0]["step"]) == 3


def test_when_every_step_is_damaged_it_says_so(tmp_path):
  _save(tmp_path, 3)
  _flip_a_bit(tmp_path, 3)
  for _ in range(2):  # nor is it forgotten the second time
    with pytest.raises(ValueError, match="intact"):
      _restored(tmp_path)


def test_a_reader_changes_nothing(tmp_path, caplog):
  _save(tmp_path, 3, 7)
  _flip_a_bit(tmp_path, 7)
  half_written = tmp_path / "9.orbax-checkpoint-tmp"
  half_written.mkdir()
  with Checkpoints(tmp_path, read_only=True) as checkpoints:
    state, _ = checkpoints.restore(_template())
  assert int(state["step"]) == 3
  assert (tmp_path / "7").is_dir()
  assert half_written.is_dir()
  # It was told so: Orbax need not say it.
  assert "read_only" not in caplog.text


def test_trouble_that_is_not_the_files_fault_is_passed_on(
  tmp_path, monkeypatch
):
  _save(tmp_path, 3)
  with Checkpoints(tmp_path) as checkpoints:

    def out_of_memory(*args, **kwargs):
      raise MemoryError

    monkeypatch.setattr(checkpoints._store._steps, "_read", out_of_memory)
    with pytest.raises(MemoryError):
      checkpoints.restore(_template())
  assert (tmp_path / "3").is_dir()


def test_a_half_written_step_is_ignored(tmp_path):
  _save(tmp_path, 3)
  (tmp_path / "9.orbax-checkpoint-tmp" / "state").mkdir(parents=True)
  assert int(_restored(tmp_path)[0]["step"]) == 3


@pytest.mark.parametrize("change", ["dtype", "shape", "leaf"])
def test_another_model_is_an_error_and_no_damage(tmp_path, change):
  _save(tmp_path, 3)
  template = _template()
  if change == "dtype":  # Orbax itself would cast without a word
    template = _template(dtype=jnp.float16)
  elif change == "shape":
    w = template["params"]["w"]
    template["params"]["w"] = jax.ShapeDtypeStruct(
      (64, 34), w.dtype, sharding=w.sharding
    )
  else:
    template["params"]["b"] = template["step"]
  with pytest.raises(TreeMismatchError, match="params"):
    _restored(tmp_path, template)
  assert (tmp_path / "3").is_dir()


def test_a_step_that_is_not_there_is_named(tmp_path):
  _save(tmp_path, 3)
  with pytest.raises(ValueError, match=r"no checkpoint of step 5 .* are: 3"):
    _restored(tmp_path, step=5)


def test_a_failed_write_is_reported_and_the_next_save_tries_again(
  tmp_path, monkeypatch, caplog
):
  with Checkpoints(tmp_path) as checkpoints:
    checkpoints.save(1, _state(1), {})
    checkpoints.wait()

    def full(*args, **kwargs):
      raise OSError("No space left on device")

    with monkeypatch.context() as patch:
      patch.setattr(checkpoints._store._steps._manager, "save", full)
      checkpoints.save(2, _state(2), {})
      with pytest.raises(SaveError, match="there is of step 1"):
        checkpoints.wait()
    assert "step 2 could not be written" in caplog.text
    assert "No space left on device" in caplog.text
    assert "MB" in caplog.text
    checkpoints.save(3, _state(3), {})  # there is space again
    checkpoints.wait()
  assert int(_restored(tmp_path)[0]["step"]) == 3


def _damaged_once_written(checkpoints, damage, patch):
  """Has whatever is saved from now on damaged before it is read back."""
  manager = checkpoints._store._steps._manager
  save = manager.save

  def save_and_damage(step, *args, **kwargs):
    is_saved = save(step, *args, **kwargs)
    damage(step)
    return is_saved

  patch.setattr(manager, "save", save_and_damage)


def _without_manifest(folder, step):
  """Removes what Orbax reads first of the arrays, as after a failed merge."""
  (folder / str(step) / "state" / "manifest.ocdbt").unlink()


def _without_meta(folder, step):
  (folder / str(step) / "meta" / "metadata").unlink()


@pytest.mark.parametrize(
  "damage", [_flip_a_bit, _without_manifest, _without_meta]
)
def test_a_step_that_cannot_be_read_back_is_not_saved(
  tmp_path, monkeypatch, caplog, damage
):
  with Checkpoints(tmp_path, keep=1) as checkpoints:
    checkpoints.save(1, _state(1), {})
    checkpoints.wait()
    with monkeypatch.context() as patch:
      _damaged_once_written(
        checkpoints, lambda step: damage(tmp_path, step), patch
      )
      for step in (2, 3):
        checkpoints.save(step, _state(step), {})
        with pytest.raises(SaveError, match="there is of step 1"):
          checkpoints.wait()
        assert f"step {step} could not be written" in caplog.text
      assert "written cannot be read back" in caplog.text
      assert [path.name for path in tmp_path.iterdir()] == ["1"]
    checkpoints.save(3, _state(3), {})  # the next attempt
    checkpoints.wait()
  assert [path.name for path in tmp_path.iterdir()] == ["3"]
  assert int(_restored(tmp_path)[0]["step"]) == 3


def test_an_older_step_stays_until_the_new_one_is_read_back(
  tmp_path, monkeypatch
):
  there = []
  with Checkpoints(tmp_path, keep=1) as checkpoints:
    steps = checkpoints._store._steps
    read = steps._read

    def look_and_read(step, **items):
      there.append(sorted(path.name for path in tmp_path.iterdir()))
      return read(step, **items)

    checkpoints.save(1, _state(1), {})
    checkpoints.wait()
    monkeypatch.setattr(steps, "_read", look_and_read)
    checkpoints.save(2, _state(2), {})
    checkpoints.wait()
  assert there == [["1", "2"]] * len(there)
  assert there
  assert [path.name for path in tmp_path.iterdir()] == ["2"]


def test_an_old_step_that_cannot_be_removed_costs_no_save(
  tmp_path, monkeypatch, caplog
):
  with Checkpoints(tmp_path, keep=1) as checkpoints:

    def refuse(step):
      raise PermissionError(f"step {step} is not yours")

    monkeypatch.setattr(checkpoints._store._steps._manager, "delete", refuse)
    for step in (1, 2):
      checkpoints.save(step, _state(step), {})
    checkpoints.wait()
  assert "step 1 is not yours" in caplog.text
  assert int(_restored(tmp_path)[0]["step"]) == 2


def test_a_state_is_saved_as_it_was_when_save_was_called(tmp_path):
  step = jax.jit(lambda x: x + 1, donate_argnums=0)
  with Checkpoints(tmp_path) as checkpoints:
    state = {"w": jnp.zeros((300, 300))}
    for i in range(5):
      checkpoints.save(i, state, {})
      state = {"w": step(state["w"])}
    checkpoints.wait()
    template = jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding),
      state,
    )
    saved, _ = checkpoints.restore(template)
  np.testing.assert_array_equal(saved["w"], np.full((300, 300), 4.0))


@pytest.mark.parametrize(
  ("first", "second"),
  [
    (np.zeros(3), np.array([0.0, 0.0, -0.0])),  # equal, but not bit for bit
    (np.zeros(4), np.zeros((2, 2))),
    (np.zeros(4, np.float32), np.zeros(4, np.int32)),
    (np.array([1.0, 2.0]), np.array([2.0, 1.0])),
  ],
)
def test_digests_tell_apart(first, second):
  assert tree_digest({"a": first}) != tree_digest({"a": second})
  assert tree_digest({"a": first}) == tree_digest({"a": first.copy()})


def test_digests_name_the_leaves():
  digests = leaf_digests({"a": {"b": jnp.ones(3)}, "c": jnp.zeros((), int)})
  assert digests.keys() == {"['a']['b']", "['c']"}
