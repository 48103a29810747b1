"""The pieces that accelerators' compilers compare compute the same."""

import jax
import jax.numpy as jnp
import numpy as np
import programs
import pytest
import running
import virtual

from benchmarks.accelerators import __main__ as benchmark
from benchmarks.accelerators import losses
from benchmarks.accelerators.pieces import Size
from benchmarks.scaling import traffic
from benchmarks.scaling.step import Network
from suncet_jax.data.augment.geometry import Boxes

_SMALL = Size(rows=4, pixels=32, pairs=16, dtype=jnp.float32)
# Of standard deviations in pixels, and of boxes: all of the image.
_BLUR, _WHOLE = 1.5, Boxes(0.0, 0.0, 32.0, 32.0)


def _operands(piece):
  """Returns operands of a piece, between 0 and 1 as pixels are."""
  if piece.title.startswith("crop"):
    images, boxes = piece.shapes
    numbers = (jnp.full(x.shape, n) for x, n in zip(boxes, _WHOLE, strict=True))
    return _drawn([images])[0], Boxes(*numbers)
  if piece.title.startswith("blur"):
    images, sigma = piece.shapes
    return _drawn([images])[0], jnp.full(sigma.shape, _BLUR)
  return _drawn(piece.shapes)


def _drawn(shapes):
  rng = np.random.default_rng(0)

  def draw(leaf):
    values = rng.uniform(size=leaf.shape).astype(leaf.dtype)
    return jax.device_put(values, leaf.sharding)

  return jax.tree.map(draw, list(shapes))


def _pieces():
  return benchmark.all_pieces(_SMALL, virtual.mesh(4))


@pytest.mark.parametrize("name", _pieces())
def test_all_forms_compute_the_same(name):
  piece = _pieces()[name]
  operands = _operands(piece)
  first, *others = (
    jax.tree.leaves(jax.jit(form)(*operands)) for form in piece.forms.values()
  )
  assert others
  for other in others:
    assert len(first) == len(other)
    for a, b in zip(first, other, strict=True):
      scale = float(np.abs(a).max())
      np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-4 * scale)


def test_pieces_are_timed_here(monkeypatch, capsys):
  monkeypatch.setattr(benchmark, "IMAGENET", _SMALL)
  # It is told by the main module, which here is pytest's.
  monkeypatch.setattr(benchmark.command, "_program", lambda: "a program")
  benchmark.main(["--here", "--pieces=dense,ntxent"])
  _, _, *lines = programs.cells(capsys.readouterr().out)
  assert [line[1] for line in lines[:2]] == ["Flax's", "ours"]
  assert all(float(line[3]) > 0 for line in lines)
  assert [line[3] for line in lines[::2]] == ["1.00", "1.00"]


def test_a_wrong_command_says_what_there_is():
  for flag, said in (
    ("--on=v9:2x2", "expected one of v4, v5e"),
    ("--pieces=stem", "expected some of pool, norm"),
  ):
    code, output = running.run("benchmarks.accelerators", flag)
    assert code == 2
    assert said in output


def test_a_device_keeps_what_the_formula_of_scaling_gathers():
  images, labelled, size = 300, 200, 16
  network = Network(0, 0, 0, 0, 0, 0)
  batch = traffic.Batch(images, labelled, size)
  sent = traffic.expected(network, batch)[traffic.EMBEDDINGS]
  parts = (2 * images, images, labelled)
  assert sent.size == sum(losses.gathered(n, size, "float32") for n in parts)
  assert sent.size == 2 * sum(
    losses.gathered(n, size, "bfloat16") for n in parts
  )


@pytest.mark.slow
def test_losses_take_no_more_than_what_is_gathered_and_some_tiles():
  pytest.importorskip("libtpu")
  text = programs.output(
    "benchmarks.accelerators.losses", "--on=v5e:2x2", "--rows=8192"
  )
  head, _, *lines = programs.cells(text)
  assert len(lines) == 4
  for line in lines:
    cells = dict(zip(head, line, strict=True))
    kept = float(cells["gathered by formula, MB"])
    assert kept in (4.2, 2.1)
    assert cells["rows per device"] == "2,048"
    assert float(cells["temporaries in main memory, MB"]) < kept + 100


@pytest.mark.slow
def test_a_tpu_s_max_pool_is_xlas():
  pytest.importorskip("libtpu")
  text = programs.output(
    "benchmarks.accelerators", "--on=v5e:2x2", "--pieces=pool"
  )
  _, _, theirs, ours, chosen = programs.cells(text)
  assert theirs[2:] == chosen[2:]
  assert float(ours[3]) > 2
  assert "XLA's cycle model" in text
