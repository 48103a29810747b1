"""What is read from the text of a compiled program."""

import math

import programs_text
import pytest

from suncet_jax.preflight import costs, targets
from suncet_jax.preflight.collectives import (
  Transfer,
  collectives_of,
  through_links,
)
from suncet_jax.preflight.hlo import Array, Program, arrays
from suncet_jax.preflight.operations import by_part, dearest, operations
from suncet_jax.preflight.window import share_on_images

_V5E = targets.one("v5e:2x2").chip
_H100 = targets.one("h100x4").chip


@pytest.fixture(scope="module")
def tpu():
  return Program(programs_text.TPU)


@pytest.fixture(scope="module")
def gpu():
  return Program(programs_text.GPU)


def test_types_are_read_with_their_bytes():
  found = arrays("(bf16[2,3]{1,0:T(8,128)(2,1)S(1)}, /*index=1*/pred[8]{0})")
  assert found == [Array("bf16", (2, 3)), Array("pred", (8,))]
  assert [each.size for each in found] == [12, 8]
  assert Array("s4", (8,)).size == 4
  assert Array("f32", ()).size == 4


def test_a_loop_without_a_stated_length_counts_to_its_constant(tpu):
  assert tpu.times["body"] == 3
  endless = programs_text.TPU.replace("direction=LT", "direction=NE")
  assert Program(endless).times["body"] == 0


def test_our_lines_are_found_by_the_calls_that_made_an_operation(tpu):
  calls = tpu.frames(tpu.by_name["norm"])
  assert [(each.function, each.line) for each in calls] == [
    ("tree_norm", 293),
    ("make_step.<locals>.step", 98),
  ]
  assert tpu.frames(tpu.by_name["sent"]) == []


def test_cycles_are_added_up_by_part_and_loops_count_as_often_as_they_run(tpu):
  found = operations(tpu, _V5E)
  cycles = {k: round(v * _V5E.clock) for k, v in by_part(found).items()}
  assert cycles == {
    "augmentation": 3000,
    "forward": 4000,
    "backward": 9000,
    "optimizer": 200,
    "log": 500,
  }
  first, second, third, *_ = dearest(found)
  assert (first.part, first.source) == (
    "backward",
    "suncet_jax/models/blocks.py:48",
  )
  assert second.part == "forward"
  assert (third.times, third.source) == (
    3,
    "suncet_jax/data/augment/blend.py:60",
  )
  products = by_part(found, "flops")
  assert products["backward"] == 2 * 128 * 64 * 32
  assert products["augmentation"] == 3 * products["backward"]
  # The norm was taken in optax, but asked for by us.
  norm = next(each for each in found if each.part == "log")
  assert norm.source == "suncet_jax/train/step.py:98"


def test_a_collective_that_goes_on_in_fusions_counts_once(tpu):
  found = collectives_of(tpu)
  assert [(each.kind, each.size) for each in found] == [
    ("all-gather", 4096),
    ("all-reduce", 32),
  ]
  assert through_links(found, 4) == 3 / 4 * (4096 + 2 * 32)


def test_a_reduce_scatter_of_a_gpu_is_counted_before_it_scatters(gpu):
  (found,) = collectives_of(gpu)
  assert found.transfers == (Transfer("", "f32", (16, 4)),)


def test_the_start_of_a_permutation_sends_its_array_alone():
  text = programs_text.GPU.replace(
    "((f32[16,4]{1,0}), (f32[4,4]{1,0})) reduce-scatter-start(%gram)",
    "(f32[16,4]{1,0}, f32[16,4]{1,0}, u32[], u32[]) "
    "collective-permute-start(%gram)",
  )
  (found,) = collectives_of(Program(text))
  assert (found.kind, found.size) == ("collective-permute", 16 * 4 * 4)


def test_products_are_counted_of_libraries_too(gpu, tpu):
  # 8 x 8 x 8 outputs of 64 features, from 3 x 3 x 32 inputs each.
  convolution = 2 * 8 * 8 * 8 * 64 * 3 * 3 * 32
  for name in ("forward", "dx", "dk"):
    assert costs.flops(gpu, gpu.by_name[name]) == convolution
  assert costs.flops(gpu, gpu.by_name["gram"]) == 2 * 16 * 4 * 128
  assert costs.flops(tpu, tpu.by_name["forward"]) == 2 * 128 * 64 * 32
  assert costs.is_wide(gpu, gpu.by_name["gram"])
  assert not costs.is_wide(tpu, tpu.by_name["forward"])


@pytest.mark.parametrize(
  ("window", "extent", "places", "products"),
  [
    ("size=1x3", (1, 8), (1, 6), 6 * 3),
    ("size=1x3 pad=0_0x1_1", (1, 8), (1, 8), 8 * 3 - 2),
    ("size=3x3 stride=2x2 pad=0_1x0_1", (8, 8), (4, 4), (4 * 3 - 1) ** 2),
    # The gradient of a strided convolution: zeros lie between the pixels.
    ("size=1x2 pad=0_0x1_1 lhs_dilate=1x2", (1, 4), (1, 8), 8),
    # One of 1 x 1, as XLA for TPUs may write it: one entry meets each pixel.
    ("size=56x56 pad=55_55x55_55", (1, 1), (56, 56), 56 * 56),
    ("size=2x2 rhs_dilate=2x2", (3, 3), (1, 1), 4),
  ],
)
def test_products_with_padding_and_zeros_are_not_made(
  window, extent, places, products
):
  share = share_on_images(f"window={{{window}}}", extent, places)
  sizes = [int(n) for n in window.split()[0].removeprefix("size=").split("x")]
  whole = math.prod(places) * math.prod(sizes)
  assert share * whole == pytest.approx(products)


def test_a_fusion_that_gathers_reads_only_what_it_takes(gpu):
  rows, indices = 4 * 64 * 4, 4 * 4
  assert costs.size(gpu, gpu.by_name["rows.1"]) == rows + rows + indices
  assert costs.size(gpu, gpu.by_name["done"]) == 0


def test_a_gpu_takes_as_long_as_products_bytes_or_a_start_need(gpu):
  found = {each.name: each for each in operations(gpu, _H100)}
  assert "part" not in found  # collectives are counted by themselves
  assert found["rows.1"].seconds == pytest.approx(2e-6)
  slow = _H100._replace(peak=1e9, bandwidth=1e9)
  taken = {each.name: each for each in operations(gpu, slow)}
  assert taken["forward"].seconds == taken["forward"].flops / 1e9
  assert taken["gram"].seconds == taken["gram"].flops / 0.5e9
  assert taken["rows.1"].seconds == taken["rows.1"].size / 1e9


def test_another_text_is_refused():
  with pytest.raises(ValueError, match="no ENTRY"):
    Program("module @jit_step {}")
