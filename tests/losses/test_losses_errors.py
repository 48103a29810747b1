"""Wrong arguments are refused while tracing, with both values named."""

import numpy as np
import pytest

from suncet_jax import losses

_ROWS = np.ones((4, 3), np.float32)
_LABELS = np.zeros(4, np.int32)
_BY_LABEL = pytest.mark.parametrize("loss", [losses.suncet, losses.supcon])
_BY_PAIR = pytest.mark.parametrize(
  "function", [losses.ntxent, losses.contrastive_accuracy, losses.alignment]
)


@_BY_LABEL
@pytest.mark.parametrize("shape", [(4,), (2, 2, 3)])
def test_rank_of_embeddings(loss, shape):
  with pytest.raises(ValueError, match=rf"rank 2.* got rank {len(shape)}"):
    loss(np.ones(shape, np.float32), _LABELS)


def test_rank_of_uniformity():
  with pytest.raises(ValueError, match=r"rank 2.* got rank 1"):
    losses.uniformity(_ROWS[0])


def test_uniformity_of_one_row():
  with pytest.raises(ValueError, match=r"at least 2 rows.* got 1"):
    losses.uniformity(_ROWS[:1])


@_BY_PAIR
def test_unequal_views(function):
  with pytest.raises(ValueError, match=r"\(4, 3\) and \(2, 3\)"):
    function(_ROWS, _ROWS[:2])


@_BY_PAIR
def test_rank_of_views(function):
  with pytest.raises(ValueError, match=r"second must have rank 2.* rank 1"):
    function(_ROWS, _ROWS[0])


@_BY_PAIR
def test_integer_views(function):
  with pytest.raises(TypeError, match=r"first .*floating.* int32"):
    function(_ROWS.astype(np.int32), _ROWS)


@_BY_LABEL
def test_integer_embeddings(loss):
  with pytest.raises(TypeError, match=r"embeddings .*floating.* int32"):
    loss(_ROWS.astype(np.int32), _LABELS)


@_BY_LABEL
def test_float_labels(loss):
  with pytest.raises(TypeError, match=r"integer.* float32"):
    loss(_ROWS, _LABELS.astype(np.float32))


@_BY_LABEL
@pytest.mark.parametrize("shape", [(3,), (4, 1)])
def test_shape_of_labels(loss, shape):
  with pytest.raises(ValueError, match=r"shape \(4,\).* got shape \("):
    loss(_ROWS, np.zeros(shape, np.int32))


@_BY_LABEL
@pytest.mark.parametrize("temperature", [0, -0.5, float("nan")])
def test_temperature(loss, temperature):
  with pytest.raises(ValueError, match=rf"> 0, got {temperature}"):
    loss(_ROWS, _LABELS, temperature=temperature)


def test_temperature_of_ntxent():
  with pytest.raises(ValueError, match=r"> 0, got -1"):
    losses.ntxent(_ROWS, _ROWS, temperature=-1)


@_BY_LABEL
def test_shape_of_temperature(loss):
  with pytest.raises(ValueError, match=r"scalar, got an array of shape \(4,\)"):
    loss(_ROWS, _LABELS, temperature=np.full(4, 0.1))


@_BY_LABEL
def test_negative_block_size(loss):
  with pytest.raises(ValueError, match=r"block_size must be >= 0.* got -1"):
    loss(_ROWS, _LABELS, block_size=-1)


@_BY_LABEL
@pytest.mark.parametrize("block_size", [0.5, "512"])
def test_block_size_that_is_no_integer(loss, block_size):
  with pytest.raises(TypeError, match=rf"integer.* got {block_size!r}"):
    loss(_ROWS, _LABELS, block_size=block_size)


def test_block_size_of_ntxent():
  with pytest.raises(ValueError, match=r"block_size must be >= 0.* got -64"):
    losses.ntxent(_ROWS, _ROWS, block_size=-64)


def test_block_size_zero_is_materialised():
  got = losses.suncet(_ROWS, _LABELS, block_size=0)
  np.testing.assert_array_equal(got, losses.suncet(_ROWS, _LABELS))


@_BY_LABEL
@pytest.mark.parametrize("dtype", [np.int8, int, bool])
def test_matmul_dtype_that_is_not_floating(loss, dtype):
  with pytest.raises(TypeError, match=rf"floating.* got {np.dtype(dtype)}"):
    loss(_ROWS, _LABELS, matmul_dtype=dtype)


@pytest.mark.usefixtures("x64")
def test_matmul_dtype_wider_than_the_sums():
  with pytest.raises(TypeError, match=r"wider.* float32, got float64"):
    losses.ntxent(_ROWS, _ROWS, matmul_dtype=np.float64)


def test_lists_are_arrays():
  got = losses.suncet(_ROWS.tolist(), _LABELS.tolist())
  np.testing.assert_array_equal(got, losses.suncet(_ROWS, _LABELS))


def test_variant():
  with pytest.raises(ValueError, match=r"\['in', 'out'\], got 'inside'"):
    losses.supcon(_ROWS, _LABELS, variant="inside")
