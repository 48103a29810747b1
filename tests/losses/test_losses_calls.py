"""Wrong calls are told the function, the argument and the way to write it."""

import functools

import jax
import numpy as np
import pytest

from suncet_jax import losses, optim

_ROWS = np.ones((4, 3), np.float32)
_LABELS = np.zeros(4, np.int32)
_OTHERS = {
  losses.ntxent: _ROWS,
  losses.alignment: _ROWS,
  losses.contrastive_accuracy: _ROWS,
  losses.suncet: _LABELS,
  losses.supcon: _LABELS,
}
_every_loss = pytest.mark.parametrize("loss", _OTHERS)
_every_main_loss = pytest.mark.parametrize(
  "loss", [losses.ntxent, losses.suncet, losses.supcon]
)


def _call(loss, *more, **options):
  return loss(_ROWS, _OTHERS[loss], *more, **options)


@_every_main_loss
@pytest.mark.parametrize("temperature", [0.1, np.float32(0.5), 1])
def test_temperature_by_position(loss, temperature):
  message = rf"losses\.{loss.__name__} takes .*temperature={temperature}"
  with pytest.raises(TypeError, match=message):
    _call(loss, temperature)


def test_option_of_uniformity_by_position():
  with pytest.raises(TypeError, match=r"losses\.uniformity .*t=3\.0"):
    losses.uniformity(_ROWS, 3.0)


@_every_loss
def test_axis_by_position(loss):
  message = rf"losses\.{loss.__name__} takes .*by name.*axis_name"
  with pytest.raises(TypeError, match=message):
    _call(loss, "data")


@_every_loss
def test_unknown_option(loss):
  message = rf"losses\.{loss.__name__} has no argument 'tau'.*axis_name"
  with pytest.raises(TypeError, match=message):
    _call(loss, tau=0.1)


@_every_loss
def test_missing_argument(loss):
  message = rf"losses\.{loss.__name__} is called without (labels|second)"
  with pytest.raises(TypeError, match=message):
    loss(_ROWS)


def test_argument_that_is_given_twice():
  with pytest.raises(TypeError, match=r"losses\.suncet: multiple values"):
    losses.suncet(_ROWS, _LABELS, embeddings=_ROWS)


@pytest.mark.parametrize(
  ("call", "message"),
  [
    (lambda: optim.warmup_cosine(0.0, 1.0), "warmup_cosine takes no argument"),
    (lambda: optim.warmup_cosine(peak=1.0), "without start, final, warmup_s"),
    (lambda: optim.lars(optim, 1e-6), r"optim\.lars .*weight_decay=1e-06"),
    (
      lambda: optim.lars(optim, decay=1),
      r"optim\.lars has no argument 'decay'",
    ),
  ],
)
def test_schedules(call, message):
  with pytest.raises(TypeError, match=message):
    call()


@_every_main_loss
@pytest.mark.parametrize(
  "option",
  [{"block_size": 16}, {"stop_gradient_keys": True}, {"axis_name": 0}],
)
def test_traced_option(loss, option):
  [name] = option
  with pytest.raises(TypeError) as caught:
    jax.jit(functools.partial(_call, loss))(**option)
  message = str(caught.value)
  assert f"losses.{loss.__name__}: {name} must be known" in message
  assert f"jax.jit(losses.{loss.__name__}, static_argnames={name!r})" in message
  assert "Tracer" not in message


def test_option_that_is_named_static():
  loss = jax.jit(losses.suncet, static_argnames="block_size")
  got = loss(_ROWS, _LABELS, block_size=2)
  np.testing.assert_allclose(got, losses.suncet(_ROWS, _LABELS), atol=1e-6)


@_every_loss
@pytest.mark.parametrize("axis_name", ["data", ("host", "data")])
def test_axis_that_is_not_mapped(loss, axis_name):
  message = rf"losses\.{loss.__name__}: axis_name .*mapped.*shard_map.*leave"
  with pytest.raises(ValueError, match=message):
    _call(loss, axis_name=axis_name)
  with pytest.raises(ValueError, match=message):
    jax.jit(lambda: _call(loss, axis_name=axis_name))()


def test_axis_of_uniformity_that_is_not_mapped():
  with pytest.raises(
    ValueError, match=r"losses\.uniformity: axis_name.*mapped"
  ):
    losses.uniformity(_ROWS, axis_name="data")


def test_axis_that_is_no_name():
  with pytest.raises(TypeError, match=r"axis_name must be a name or a tuple"):
    losses.suncet(_ROWS, _LABELS, axis_name=["data"])


@_every_main_loss
@pytest.mark.parametrize("temperature", ["0.1", None, 1j])
def test_temperature_that_is_no_number(loss, temperature):
  message = rf"losses\.{loss.__name__}: temperature must be a number"
  with pytest.raises(TypeError, match=message):
    _call(loss, temperature=temperature)


_GRADIENTS = [
  *_OTHERS,
  functools.partial(losses.ntxent, block_size=2),
  functools.partial(losses.suncet, block_size=2),
  losses.uniformity,
]


@pytest.mark.parametrize("loss", _GRADIENTS)
def test_a_gradient_outside_of_jit_is_two_programs(loss, caplog):
  rows = np.random.default_rng(0).normal(size=(10, 7)).astype(np.float32)
  others = {losses.uniformity: ()}
  name = getattr(loss, "func", loss)
  by_label = name in (losses.suncet, losses.supcon)
  second = (np.arange(10) % 3,) if by_label else (rows[::-1],)
  second = others.get(name, second)
  with jax.log_compiles():
    got = jax.value_and_grad(loss)(rows, *second)
  programs = [
    record.getMessage()
    for record in caplog.records
    if "Finished XLA compilation" in record.getMessage()
  ]
  own = [text for text in programs if "jit(_" in text or "jit(of_" in text]
  assert 0 < len(own) <= 2
  assert len(programs) <= 8, programs
  expected = jax.jit(jax.value_and_grad(loss))(rows, *second)
  jax.tree.map(
    functools.partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-6),
    got,
    expected,
  )
