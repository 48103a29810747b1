"""What a step sends is what a formula says, and docs/scaling.md holds it."""

import itertools
import math
import pathlib
import re

import programs
import pytest
from running import ROOT

from benchmarks.scaling import imagenet_cost, model, tables, traffic
from benchmarks.scaling.machines import H100, MACHINES, TPU_V5E
from benchmarks.scaling.model import collective
from benchmarks.scaling.step import (
  ROWS,
  Network,
  Setup,
  compile_step,
  make_experiment,
  network_of,
)
from suncet_jax.preflight import collectives

_DOC = pathlib.Path(ROOT, "docs", "scaling.md")


@pytest.mark.parametrize(
  ("devices", "images", "labelled", "embedding"),
  [
    (4, 64, 24, 8),
    # From 2,048 keys on in blocks, of which a device has several.
    (8, 4096, 2048, 16),
  ],
)
@pytest.mark.slow
def test_the_formula_is_what_the_compiled_step_sends(
  devices, images, labelled, embedding
):
  setup = Setup("digits", images, labelled, embedding)
  step = compile_step(setup, devices)
  assert step.embedding == embedding
  batch = traffic.Batch(images, labelled * step.views, embedding)
  # By purpose, in arrays and bytes; rows that move would be another one.
  assert traffic.counted(step.collectives) == traffic.expected(
    step.network, batch
  )
  # Combined by the compiler: the norms of a shortcut wait with another one.
  of_norms = [
    each
    for each in step.collectives
    if traffic.NORMS in traffic.counted([each])
  ]
  assert len(of_norms) == step.network.waits


@pytest.mark.slow
def test_the_program_prints_what_the_document_holds():
  text = programs.output("benchmarks.scaling", "--rows=digits", "--devices=2")
  (line,) = (
    line for line in text.splitlines() if line.startswith("| digits |")
  )
  compiled, formula = line.split(" | ")[-3:-1]
  assert compiled == formula
  assert line in _DOC.read_text()


def test_the_document_holds_the_predictions():
  text = programs.unwrapped(_DOC.read_text())
  for part in tables.predictions():
    assert programs.unwrapped(part) in text


_TEXT = """\
HloModule jit_step

%sum (a: f32[], b: f32[]) -> f32[] {
  %a = f32[] parameter(0)
  ROOT %add = f32[] add(%a, %b)
}

%body (state: (s32[], f32[4])) -> (s32[], f32[4]) {
  %in = f32[4]{0} all-reduce(%x), replica_groups={{0,1}}, to_apply=%sum
}

%endless (state: (s32[], f32[4])) -> (s32[], f32[4]) {
  %shift = f32[4]{0} collective-permute(%x), source_target_pairs={{0,1}}
}

%condition (state: (s32[], f32[4])) -> pred[] {
  ROOT %less = pred[] compare(%i, %n), direction=LT
}

ENTRY %main (x: f32[4]) -> f32[4] {
  %loop = (s32[], f32[4]) while(%init), condition=%condition, body=%body, \
backend_config={"known_trip_count":{"n":"5"}}
  %open = (s32[], f32[4]) while(%init), condition=%condition, body=%endless
  %start = (bf16[2,3]{1,0}, bf16[4,3]{1,0}) all-gather-start(%y), dimensions={0}
  %done = bf16[4,3]{1,0} all-gather-done(%start)
  %both = (f32[3]{0}, /*index=1*/pred[8]{0}) all-reduce(%p, %q), \
to_apply=%sum, metadata={op_name="jit(step)/(jvp(Net)/norm/sum:any)/end"}
  ROOT %part = f32[2,5]{1,0} reduce-scatter(%z), dimensions={0}, \
replica_groups={{0,1,2,3}}, to_apply=%sum
}
"""


def test_collectives_are_read_from_the_text_of_a_program():
  looped, endless, gather, both, scatter = collectives.found_in(_TEXT)
  assert (looped.kind, looped.times) == ("all-reduce", 5)
  assert (endless.kind, endless.times) == ("collective-permute", 0)
  assert (gather.kind, gather.times) == ("all-gather", 1)
  assert gather.transfers == (collectives.Transfer("", "bf16", (4, 3)),)
  assert gather.transfers[0].size == 24
  assert both.transfers == (
    collectives.Transfer("jit(step)/jvp(Net)/norm/sum/end", "f32", (3,)),
    collectives.Transfer("jit(step)/any/end", "pred", (8,)),
  )
  assert [each.size for each in both.transfers] == [12, 8]
  # Its operand: what a device has before.
  assert scatter.transfers == (collectives.Transfer("", "f32", (8, 5)),)


def test_loops_of_unknown_length_and_rows_that_move_are_told():
  looped, endless, *_ = collectives.found_in(_TEXT)
  with pytest.raises(ValueError, match="how often"):
    traffic.counted([endless])
  moved = traffic.counted([endless._replace(times=1)])
  assert moved == {traffic.OTHER: (1, 16)}
  images = collectives.Transfer("jit(step)/gather", "u8", (16, 8, 8, 3))
  gathered = collectives.Collective("all-gather", (images,), 1)
  assert traffic.counted([gathered]) == {traffic.OTHER: (1, 3072)}
  # 3/4 of 5 x 16 bytes, twice.
  assert collectives.through_links([looped], 4) == 120


def test_times_of_collectives_are_of_links_and_latencies():
  assert collective(TPU_V5E, 0, 1, 1) == TPU_V5E.start
  # 4 x 2 chips in a slice, 16 x 16 chips in the largest one.
  assert [TPU_V5E.hops(count) for count in (2, 8, 256)] == [3, 6, 32]
  assert collective(TPU_V5E, 8e9, 8, 1) == pytest.approx(0.07, abs=1e-4)
  # 4 hosts: two phases forth and two back; then 3/4 of an eighth.
  latency = H100.start + 2 * H100.hop + 4 * H100.phase
  assert collective(H100, 0, 32, 3) == pytest.approx(3 * latency)
  seconds = collective(H100, 8e9, 32, 1) - latency
  assert seconds == pytest.approx(7e9 / H100.inside + 0.75e9 / H100.outside)


def test_resnet50_costs_what_is_published():
  parts = make_experiment(ROWS["imagenet"])
  network = network_of(parts)
  head = 2048 * 2048 + 2048 + 2048 * 128 + 128
  assert network.parameters == 23_508_032 + head
  assert 2 * network.channels == network.norm_parameters == 53_120
  # 4.1 G multiplications and additions forward (torchvision), 3 times that in
  # training.
  work = model.resnet50_work(network, embedding=128)
  assert work.operations == pytest.approx(6 * 4.09e9, rel=0.01)


def test_predictions_add_up():
  network = Network(28_000_000, 53_000, 53, 26_500, 49, 57)
  work = model.resnet50_work(network, embedding=128)
  for machine in MACHINES:
    times = [
      model.predict(machine, work, tables.weak(128)(devices), devices)
      for devices in tables.DEVICE_COUNTS
    ]
    for few, many in itertools.pairwise(times):
      assert many[:3] == few[:3]  # what a device does by itself
      assert all(a <= b for a, b in zip(few, many, strict=True))
    for each in times:
      assert each.forward + each.backward < each.overlapped < each.in_turn
      assert each.in_turn - each.overlapped == pytest.approx(each.gradients)


def test_a_device_takes_the_estimated_time_for_its_rows():
  network = Network(28_000_000, 53_000, 53, 26_500, 49, 57)
  work = model.resnet50_work(network, embedding=128)
  for machine in MACHINES:
    estimate, half = machine.estimate, tables.strong(128)(1)
    devices = 2 * 8192 // estimate.rows
    times = model.predict(machine, work, half, devices)
    assert times.forward == pytest.approx(estimate.forward / 2)
    assert times.backward == pytest.approx(estimate.backward / 2)
    other = estimate.augmentation / 2 + estimate.update
    assert times.other == pytest.approx(other)
    slow = model.predict(machine, work, half, devices, slower=3)
    assert slow[:2] == pytest.approx([3 * x for x in times[:2]])
    assert slow[2:] == times[2:]


def test_estimates_stay_between_the_peak_and_what_others_reached():
  # 7 to 17 % of the peak, docs/imagenet.md and docs/scaling.md: a program
  # cannot be as fast as its products alone, nor need it be slower than those.
  work = imagenet_cost.network_work()
  for machine in MACHINES:
    estimate = machine.estimate
    share = work.operations * estimate.rows / estimate.network / machine.peak
    assert 0.17 < share < 0.4
    assert share / model.SLOWER < 0.17


def test_the_paper_s_batch_ends_at_256_devices():
  batch = tables.strong(128)(8)
  assert math.gcd(batch.images, batch.labelled) == 256
  assert re.search(r"\b256 devices\b", _DOC.read_text())
