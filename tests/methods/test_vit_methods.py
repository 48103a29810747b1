"""Methods on a vision transformer, which has no statistics of batches."""

import conformance
import jax
import numpy as np
import pytest

from suncet_jax.plugins import method_names, method_spec
from suncet_jax.workdir.checkpoints import Checkpoints

_VIT = {
  "model.name": "vit_mu4",
  "model.vit.registers": 1,
  "model.vit.layer_scale": 0.1,
}


@pytest.mark.parametrize(
  "name", [n for n in method_names() if "images" in method_spec(n).rows]
)
def test_every_method_has_a_loss_of_its_features(name):
  _, _, (loss, output) = conformance.traced(name, 1, **_VIT)
  assert loss.shape == ()
  assert all(value.shape == () for value in output.metrics.values())


def test_small_views_are_encoded_with_positions_of_their_own():
  small = {"multicrop.views": 2, "multicrop.size": 4}
  trained, _, (loss, _) = conformance.traced("swav", 0, **_VIT, **small)
  assert loss.shape == ()
  assert trained.total() == 4


def test_going_on_gives_the_same_bits(tmp_path):
  first = conformance.initial_state("suncet", **_VIT)
  whole, logged = conformance.train("suncet", first, range(4), **_VIT)
  assert all(np.isfinite(metrics["loss"]) for metrics in logged)
  first = conformance.initial_state("suncet", **_VIT)
  half, _ = conformance.train("suncet", first, range(2), **_VIT)
  template = conformance.experiment("suncet", **_VIT).state_template()
  with Checkpoints(tmp_path) as checkpoints:
    checkpoints.save(2, half, {})
    checkpoints.wait()
    restored, _ = checkpoints.restore(template)
  went_on, _ = conformance.train("suncet", restored, range(2, 4), **_VIT)
  assert int(whole.skipped) == 0
  for one, other in zip(
    jax.tree.leaves(went_on), jax.tree.leaves(whole), strict=True
  ):
    assert one.tobytes() == other.tobytes()


def test_four_devices_are_one(x64):
  losses, gradients = zip(
    *(conformance.differentiated("suncet", n, **_VIT) for n in (1, 4)),
    strict=True,
  )
  np.testing.assert_allclose(losses[1], losses[0], rtol=1e-9)
  one, four = (
    np.concatenate([np.ravel(x) for x in jax.tree.leaves(tree)])
    for tree in gradients
  )
  assert np.linalg.norm(four - one) <= 1e-6 * np.linalg.norm(one)
