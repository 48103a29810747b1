"""The cost of the paper's runs, against closed forms, and its document."""

import pathlib
import re

import programs
import pytest
from running import ROOT

from benchmarks.scaling import imagenet_cost, imagenet_recipe
from benchmarks.scaling.imagenet_recipe import (
  Phase,
  finetuning,
  finetuning_operations,
  pretraining,
)

_DOC = pathlib.Path(ROOT, "docs", "imagenet.md")


def test_the_published_figures_are_those_of_the_configuration():
  text = (ROOT / "configs" / "imagenet.py").read_text()
  lines = re.findall(r"^ +(\d+)    ([\d.]+) / ([\d.]+)(.*)$", text, re.M)
  found = {"simclr": {}, "suncet": {}}
  for epochs, top1, top5, rest in lines:
    found["simclr"][int(epochs)] = (float(top1), float(top5))
    both = re.findall(r"[\d.]+", rest)
    if both:
      found["suncet"][int(epochs)] = tuple(map(float, both))
  assert found == imagenet_recipe.PUBLISHED
  assert len(found["simclr"]) == 5


def test_steps_and_images_are_those_of_the_paper():
  assert pretraining("simclr", 1000).rows == 1000 * 312 * 8192
  assert pretraining("suncet", 100).phases == (Phase(45_400, 2816, 2, 2560),)
  run = pretraining("suncet", 500)
  # 64 devices of 44 images x 2 views and, for 250 epochs, 20 x 2 labelled.
  per_device = 250 * 454 * (88 + 40) + 250 * 454 * 88
  assert (run.steps, run.rows) == (500 * 454, 64 * per_device)
  assert run.phases[-1].files == 64 * 44
  # 128,116 and 12,811 images in batches of 4,096.
  assert (finetuning(10).steps, finetuning(1).steps) == (30 * 31, 60 * 3)


def test_the_claim_counts_what_is_processed():
  steps = 250 * 454
  share = steps * (8192 + 5632) / (1000 * 312 * 8192)
  assert imagenet_cost.share(pretraining("suncet", 500)) == share
  few = (steps * 8192 + 50 * 454 * 5632) / (1000 * 312 * 8192)
  # 66.1 lies 5/11 of the way from 65.6 to 66.7.
  expected = few + (share - few) * 5 / 11
  assert imagenet_cost.share_at(66.1) == pytest.approx(expected)
  with pytest.raises(ValueError, match="never crosses 70"):
    imagenet_cost.share_at(70)


def test_hours_are_rows_by_the_estimated_time_of_a_row():
  work = imagenet_cost.network_work()
  run = pretraining("simclr", 1000)
  for cluster, devices in (("64 x TPU v5e", 64), ("8 x H100", 8)):
    estimate = imagenet_cost.CLUSTERS[cluster][0].estimate
    network = run.rows / devices * estimate.network / estimate.rows
    # The rest: augmentation and update of the largest step, collectives.
    rest = run.steps * (estimate.augmentation + estimate.update)
    best, worst = imagenet_cost.duration(cluster, work, run)
    assert 1 < best / (network + rest) < 1.04
    assert 1 < worst / (2 * network + rest) < 1.04
  head = 2048 * 2048 + 2048 * 128 - 2048 * 1000
  assert work.operations - finetuning_operations(work) == 6 * head


def test_memory_is_that_of_activations():
  work = imagenet_cost.network_work()
  # Inputs of blocks: 56 pixels x (64, 256, 256), and so on; then the first
  # block of all, whose four convolutions give 64, 64, 256 and 256 channels,
  # each kept twice. Before them the first convolution's output, twice.
  inputs = 56**2 * (64 + 3 * 256) + 28**2 * (3 + 1) * 512
  inputs += 14**2 * (5 + 1) * 1024 + 7**2 * 2 * 2048
  block = 2 * 56**2 * (64 + 64 + 256 + 256)
  expected = 2 * (2 * 112**2 * 64 + inputs + block)
  assert imagenet_recipe.rematerialized(work) == expected
  assert expected < work.activations
  at_once, remat, micro = imagenet_cost.memory(8, work, 4).values()
  state = 12 * work.network.parameters
  assert at_once - state == 1024 * 2 * work.activations
  assert remat - state == 1024 * 2 * expected
  assert micro - state == (at_once - state) / 4


def test_the_document_holds_what_the_program_prints():
  text = programs.unwrapped(_DOC.read_text())
  parts = [part for part in imagenet_cost.tables() if part[:3] != "###"]
  assert len(parts) == 6
  for part in parts:
    assert programs.unwrapped(part) in text
  # What a core decodes was measured.
  benchmarks = (ROOT / "docs" / "benchmarks.md").read_text()
  assert f"| {imagenet_cost.FILES_PER_CORE} (" in benchmarks
