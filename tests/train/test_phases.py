"""Estimated operations: against counts by hand."""

import pytest
import tiny
from ml_collections import ConfigDict

from suncet_jax.architectures import MLP
from suncet_jax.config import base
from suncet_jax.methods.base import BatchSpec
from suncet_jax.train.flops import flops_per_step, training_flops
from suncet_jax.train.phases import Phase

_HEADS = {"projection": MLP(layers=2, out=128)}


def _model(**changes):
  model = ConfigDict(base().model)
  model.update(**changes)
  return model


def test_resnet50_is_three_times_the_known_count():
  # 4.09 billion multiply-adds (He et al. 2015 say 3.8, with stride elsewhere),
  # the products with padding, which XLA leaves out, included.
  flops = training_flops(_model(), _HEADS, (224, 224, 3))
  assert flops == pytest.approx(3 * 2 * 4.09e9, rel=0.04)


def test_the_convolutions_in_use_do_not_change_the_count():
  model = {"name": "resnet8", "stem": "cifar_stride2"}
  counts = {
    training_flops(_model(convolution=name, **model), _HEADS, (24, 24, 1))
    for name in ("auto", "xla")
  }
  assert len(counts) == 1
  larger = training_flops(_model(**model), _HEADS, (48, 48, 1))
  assert larger == pytest.approx(4 * counts.pop(), rel=0.15)  # fewer borders


def test_a_step_pays_for_every_view_of_every_image():
  parts = tiny.experiment(method="suncet")
  of_one = training_flops(parts.config.model, _HEADS, (8, 8, 1))
  # Two views of 16 images, and one of 4 classes x 2 labelled images.
  assert flops_per_step(parts, 0) == pytest.approx((2 * 16 + 4 * 2) * of_one)


def test_operations_add_up_over_segments():
  plan = BatchSpec(())
  first = Phase(0, 10, plan, 0, 7, 0.0, 5.0)
  second = Phase(10, 20, plan, 70, 3, first.flops_at(10), 2.0)
  assert second.flops_at(10) == 50.0
  assert second.flops_at(15) == 60.0


def test_a_teacher_pays_for_forward_passes_only():
  parts = tiny.experiment(method="comatch", **{"method.momentum_encoder": True})
  of_one = training_flops(parts.config.model, parts.heads, (8, 8, 1))
  # The encoder sees strong and labelled views, its average weak, third and
  # labelled ones.
  expected = (16 + 8) * of_one + (2 * 16 + 8) * of_one / 3
  assert flops_per_step(parts, 0) == pytest.approx(expected)


def test_players_and_what_is_encoded_of_their_samples_count():
  fields = {"method.networks": "mlp", "method.width": 8}
  parts = tiny.experiment(method="ugan", **fields)
  # Labelled and unlabelled images, samples of both generators, and those of the
  # bad one once more, with a constant encoder.
  rows = 8 + 16 + 16 + 16 + 2 / 3 * 16
  of_one = training_flops(parts.config.model, parts.heads, (8, 8, 1))
  assert flops_per_step(parts, 0) == pytest.approx(rows * of_one, rel=0.1)
  wider = tiny.experiment(method="ugan", **fields | {"method.width": 512})
  # Products of 110 x 512 + 512 x 512 + 512 x 64 units, three times in training.
  of_generators = 2 * 16 * 3 * 2 * (104 * 512 + 512 * 512 + 512 * 64)
  more = flops_per_step(wider, 0) - flops_per_step(parts, 0)
  assert more > of_generators
