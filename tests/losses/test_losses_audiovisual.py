"""MIL-NCE and Global-Local's losses: values, gradients, devices, extremes."""

import functools

import audiovisual_oracle
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
import ways

from suncet_jax import losses
from suncet_jax.losses import _row_blocks

# As published, and as other losses of the library take rows.
_FORMS = {"published": (False, 1.0), "unit rows": (True, 0.1)}


def _normal(seed, *shape):
  return np.random.default_rng(seed).normal(size=shape)


def _bags(n=5):
  return _normal(0, n, 4), _normal(1, n, 3, 4)


def _clips(n=3):
  return (
    _normal(0, n, 4),
    _normal(1, n, 6, 4),
    _normal(2, n, 4, 6, 5),
    _normal(3, n, 12, 5),
  )


_CASES = {
  "mil_nce": (losses.mil_nce, audiovisual_oracle.mil_nce, _bags),
  "local": (losses.audiovisual_local, audiovisual_oracle.local, _clips),
}


def _case(name, form):
  ours, theirs, make = _CASES[name]
  normalize, tau = _FORMS[form]
  options = {"normalize": normalize, "temperature": tau}
  return (
    make(),
    functools.partial(ours, **options),
    lambda *tensors: theirs(*tensors, normalize, tau),
  )


def _assert_equal(rows, ours, theirs):
  every = tuple(range(len(rows)))
  value, gradients = jax.jit(jax.value_and_grad(ours, every))(*rows)
  tensors = [torch.tensor(array, requires_grad=True) for array in rows]
  expected = theirs(*tensors)
  expected.backward()
  np.testing.assert_allclose(value, expected.item(), rtol=1e-9)
  for gradient, tensor in zip(gradients, tensors, strict=True):
    assert tensor.grad.abs().max() > 1e-4  # each input has a part in it
    np.testing.assert_allclose(gradient, tensor.grad, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("form", _FORMS)
@pytest.mark.parametrize("name", _CASES)
def test_values_and_gradients_are_those_of_the_formula(x64, name, form):
  _assert_equal(*_case(name, form))


@pytest.mark.parametrize("tile", [32, 200])
@pytest.mark.parametrize("name", _CASES)
def test_blocks_change_nothing(x64, monkeypatch, name, tile):
  jax.clear_caches()  # of what was traced with larger blocks
  monkeypatch.setattr(_row_blocks, "TILE_SIZE", tile)
  _assert_equal(*_case(name, "unit rows"))
  jax.clear_caches()


def test_memory_is_that_of_a_block():
  rows = jax.ShapeDtypeStruct((2048, 8), jnp.float32)
  bags = jax.ShapeDtypeStruct((2048, 49, 8), jnp.float32)
  run = jax.jit(jax.value_and_grad(losses.mil_nce, (0, 1)))
  compiled = run.lower(rows, bags).compile()
  whole = 2048 * 2048 * 49 * 4  # one matrix of similarities, 822 MB
  assert compiled.memory_analysis().temp_size_in_bytes < whole / 4


@pytest.mark.parametrize("form", _FORMS)
@pytest.mark.parametrize("name", _CASES)
def test_finite_input_of_any_size_gives_finite_output(name, form):
  rows, ours, _ = _case(name, form)
  run = jax.jit(jax.value_and_grad(ours, tuple(range(len(rows)))))
  for size in (0, 1e-30, 1, 1e19, 1e37, 1e39):
    sized = [np.clip(size * array, -3e38, 3e38) for array in rows]
    halves = [jnp.asarray(array, jnp.bfloat16) for array in sized]
    for given in (halves, [np.float32(array) for array in sized]):
      value, gradients = run(*given)
      assert value.dtype == jnp.float32
      assert np.isfinite(value)
      for array, gradient in zip(given, gradients, strict=True):
        assert gradient.dtype == array.dtype
        assert np.all(np.isfinite(gradient.astype(jnp.float32)))


@pytest.mark.parametrize("name", _CASES)
def test_bfloat16_inputs_are_computed_in_float32(name):
  rows, ours, _ = _case(name, "unit rows")
  halves = [jnp.asarray(array, jnp.bfloat16) for array in rows]
  rounded = [np.asarray(array, np.float32) for array in halves]
  np.testing.assert_allclose(ours(*halves), ours(*rounded), rtol=1e-6)


@pytest.mark.parametrize("form", _FORMS)
def test_chance_and_floor(form):
  normalize, tau = _FORMS[form]
  mil_nce = functools.partial(
    losses.mil_nce, normalize=normalize, temperature=tau
  )
  ones = np.ones((7, 4))
  chance = mil_nce(ones, np.ones((7, 3, 4)))
  np.testing.assert_allclose(chance, np.log(2 * 7), rtol=1e-6)
  rows = 10 * np.eye(7)
  np.testing.assert_allclose(mil_nce(rows, rows[:, None]), np.log(2), rtol=0.01)


def test_local_needs_the_right_place_and_the_right_time():
  """Two places, of which one has the sounds; frames 0 to 3 of clip 0 and 1."""
  audio = np.eye(2)
  places = np.stack([np.eye(2), np.eye(2)])  # clip i is at place i
  sounds = 3 * np.eye(8).reshape(2, 4, 8)
  frames = _normal(0, 2, 4, 2, 8)
  for clip in range(2):
    frames[clip, :, clip] = sounds[clip]
  local = functools.partial(losses.audiovisual_local, audio)
  right = local(places, frames, sounds)
  np.testing.assert_allclose(right, np.log(2), rtol=0.02)
  assert local(places[:, ::-1], frames, sounds) > 2  # the other place
  assert local(places, frames[:, ::-1], sounds) > 2  # another time


def test_attention_is_the_formula_and_sums_to_1(x64):
  audio, places, *_ = _clips()
  for normalize, tau in _FORMS.values():
    weights = losses.audiovisual_attention(
      audio, places, normalize=normalize, temperature=tau
    )
    tensors = torch.tensor(audio), torch.tensor(places)
    expected = audiovisual_oracle.attention(*tensors, normalize, tau)
    np.testing.assert_allclose(weights, expected, rtol=1e-9)
    np.testing.assert_allclose(weights.sum(axis=1), np.ones(3), rtol=1e-12)


def test_no_row_at_all_is_0():
  assert losses.mil_nce(np.zeros((0, 4)), np.zeros((0, 3, 4))) == 0
  none = [array[:0] for array in _clips()]
  assert losses.audiovisual_local(*none) == 0


@pytest.mark.parametrize(
  ("call", "error", "message"),
  [
    (
      lambda: losses.mil_nce(np.eye(3), np.eye(3)),
      ValueError,
      r"bags must have rank 3, \[n, p, d\]",
    ),
    (
      lambda: losses.mil_nce(np.eye(3), np.ones((2, 4, 3))),
      ValueError,
      r"one n and one d, .* \(3, 3\) and \(2, 4, 3\)",
    ),
    (
      lambda: losses.mil_nce(np.eye(3, dtype=int), np.ones((3, 4, 3))),
      TypeError,
      "floating dtype, got int",
    ),
    (
      lambda: losses.mil_nce(np.eye(3), np.ones((3, 1, 3)), temperature=0),
      ValueError,
      "temperature must be > 0",
    ),
    (
      lambda: losses.audiovisual_local(*_clips()[:3], _clips()[3][:, :10]),
      ValueError,
      "multiple of that of frames, .* got 10 sounds and 4 frames",
    ),
    (
      lambda: losses.audiovisual_local(*_clips()[:2], *_clips(4)[2:]),
      ValueError,
      "one n, one p and one e",
    ),
    (
      lambda: losses.audiovisual_attention(np.eye(3), np.ones((3, 0, 3))),
      ValueError,
      "p > 0",
    ),
  ],
)
def test_bad_input_is_named(call, error, message):
  with pytest.raises(error, match=message):
    call()


_weights = {"w": _normal(9, 4, 5)}


def _of_mil_nce(weights, batch, axis_name):
  rows, bags = batch["audio"] @ weights["w"], batch["places"] @ weights["w"]
  return losses.mil_nce(
    rows, bags, normalize=False, temperature=2.0, axis_name=axis_name
  )


def _of_local(weights, batch, axis_name):
  return losses.audiovisual_local(
    batch["audio"] @ weights["w"],
    batch["places"] @ weights["w"],
    batch["frames"] @ weights["w"].T,
    batch["sounds"] @ weights["w"].T,
    axis_name=axis_name,
  )


@functools.cache
def _on_one_device():
  return ways.run("jit", [_of_mil_nce, _of_local], _weights, _batch(), 1)


def _batch():
  return dict(
    zip(("audio", "places", "frames", "sounds"), _clips(8), strict=True)
  )


@ways.in_each
def test_all_equal_one_device(x64, way, device_count):
  outputs = ways.run(
    way, [_of_mil_nce, _of_local], _weights, _batch(), device_count
  )
  for one, many in zip(_on_one_device(), outputs, strict=True):
    np.testing.assert_allclose(many[0], one[0], rtol=1e-11)
    np.testing.assert_allclose(many[1]["w"], one[1]["w"], rtol=1e-9, atol=1e-12)
