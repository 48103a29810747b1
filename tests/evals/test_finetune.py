"""Fine-tuning of a toy network of pure JAX with a running statistic."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import AxisType, NamedSharding, PartitionSpec

from suncet_jax.evals import accuracy, embed, finetune

RANDOM = np.random.default_rng(0)
IMAGES = RANDOM.integers(0, 256, (32, 2, 2, 1), np.uint8)
# Which diagonal is brighter: not linear in a normalised single projection.
LABELS = (
  IMAGES[:, 0, 0, 0].astype(int) + IMAGES[:, 1, 1, 0]
  > IMAGES[:, 0, 1, 0].astype(int) + IMAGES[:, 1, 0, 0]
).astype(np.int32)
STATS = {"mean": np.zeros(4, np.float32)}


def _params():
  kernel = np.random.default_rng(1).standard_normal((4, 4)) / 2
  return {"kernel": jnp.asarray(kernel, jnp.float32)}


def _backbone(params, batch_stats, images, *, train):
  """Subtracts the batch's mean in training, the running one afterwards."""
  x = images.reshape(images.shape[0], -1).astype(jnp.float32) / 255
  x = x @ params["kernel"]
  mean = x.mean(axis=0) if train else batch_stats["mean"]
  if train:
    batch_stats = {"mean": 0.9 * batch_stats["mean"] + 0.1 * mean}
  return jax.nn.relu(x - mean), batch_stats


def _batch(step):
  del step
  return IMAGES, LABELS


def _finetune(params=None, train_batch=_batch, **changes):
  settings = {
    "feature_size": 4,
    "class_count": 2,
    "steps": 5,
    "learning_rate_peak": 0.5,
  } | changes
  params = _params() if params is None else params
  return finetune.finetune(_backbone, params, STATS, train_batch, **settings)


def test_learns_and_predicts_with_the_running_statistics():
  tuned = _finetune(steps=150)
  scores = embed.embed(tuned.predict, [IMAGES[:20], IMAGES[20:]])
  assert accuracy.topk_accuracy(scores, LABELS).top1 >= 0.95
  np.testing.assert_allclose(tuned.losses[0], np.log(2), rtol=1e-6)
  assert tuned.losses[-1] < 0.3
  alone = tuned.predict(IMAGES[:1])
  np.testing.assert_allclose(alone, scores[:1], rtol=1e-5, atol=1e-6)


def test_agrees_with_nesterov_sgd_written_out():
  steps, peak, momentum = 4, 0.5, 0.9
  tuned = _finetune(steps=steps, learning_rate_peak=peak)

  def loss_of(weights):
    features, _ = _backbone(weights, STATS, jnp.asarray(IMAGES), train=True)
    logits = features @ weights["out"] + weights["bias"]
    return -jax.nn.log_softmax(logits)[np.arange(32), LABELS].mean()

  weights = _params() | {"out": jnp.zeros((4, 2)), "bias": jnp.zeros(2)}
  velocity = jax.tree.map(jnp.zeros_like, weights)
  for step in range(steps):
    rate = peak * (1 + np.cos(np.pi * step / steps)) / 2
    np.testing.assert_allclose(tuned.losses[step], loss_of(weights), rtol=1e-5)
    grads = jax.grad(loss_of)(weights)
    velocity = jax.tree.map(lambda v, g: momentum * v + g, velocity, grads)
    weights = jax.tree.map(
      lambda w, v, g, rate=rate: w - rate * (g + momentum * v),
      *(weights, velocity, grads),
    )
  variables = tuned.variables
  for result, name in (
    (variables.params["kernel"], "kernel"),
    (variables.classifier.kernel, "out"),
    (variables.classifier.bias, "bias"),
  ):
    np.testing.assert_allclose(result, weights[name], rtol=1e-4, atol=1e-6)


def test_batch_statistics_run_along():
  tuned = _finetune(steps=1)
  x = IMAGES.reshape(32, 4) / 255 @ np.asarray(_params()["kernel"])
  np.testing.assert_allclose(
    tuned.variables.batch_stats["mean"], 0.1 * x.mean(axis=0), rtol=1e-5
  )


def test_the_backbones_rate_is_scaled():
  half, whole = _finetune(steps=1, backbone_scale=0.5), _finetune(steps=1)
  start = _params()["kernel"]
  moved = whole.variables.params["kernel"] - start
  np.testing.assert_allclose(
    half.variables.params["kernel"] - start, moved / 2, rtol=1e-4, atol=1e-7
  )
  np.testing.assert_array_equal(
    half.variables.classifier.kernel, whole.variables.classifier.kernel
  )


def test_a_frozen_backbone_is_in_evaluation_mode_and_stays_as_it_is():
  tuned = _finetune(steps=20, backbone_scale=0.0)
  np.testing.assert_array_equal(
    tuned.variables.params["kernel"], _params()["kernel"]
  )
  np.testing.assert_array_equal(tuned.variables.batch_stats["mean"], 0)

  # As a linear classifier of the features that evaluation sees.
  features, _ = _backbone(_params(), STATS, jnp.asarray(IMAGES), train=False)

  def as_it_is(params, batch_stats, rows, *, train):
    del params, train
    return rows, batch_stats

  alone = finetune.finetune(
    as_it_is,
    {"unused": jnp.zeros(1)},
    {},
    lambda step: (features, LABELS),
    feature_size=4,
    class_count=2,
    steps=20,
    learning_rate_peak=0.5,
  )
  np.testing.assert_allclose(tuned.losses, alone.losses, rtol=1e-5)
  np.testing.assert_allclose(
    tuned.variables.classifier.kernel,
    alone.variables.classifier.kernel,
    rtol=1e-4,
    atol=1e-6,
  )


def test_a_negative_scale_is_refused():
  with pytest.raises(ValueError, match=r"backbone_scale must be >= 0; got -1"):
    _finetune(backbone_scale=-1.0)


def test_leaves_the_callers_parameters_alone():
  params = _params()
  tuned = _finetune(params)
  np.testing.assert_array_equal(params["kernel"], _params()["kernel"])
  np.testing.assert_array_equal(STATS["mean"], 0)
  assert np.abs(tuned.variables.params["kernel"] - params["kernel"]).max() > 0


def test_asks_for_each_step_once_and_repeats_bit_for_bit():
  asked = []

  def train_batch(step):
    asked.append(step)
    rows = np.random.default_rng(step).permutation(32)[:8]
    return IMAGES[rows], LABELS[rows]

  first = _finetune(train_batch=train_batch)
  assert asked == [0, 1, 2, 3, 4]
  second = _finetune(train_batch=train_batch)
  for a, b in zip(
    jax.tree.leaves(first.variables),
    jax.tree.leaves(second.variables),
    strict=True,
  ):
    np.testing.assert_array_equal(a, b)
  np.testing.assert_array_equal(first.losses, second.losses)


def test_prepare_has_a_key_of_seed_and_step():
  def noisy(images, key):
    return images + 50 * jax.random.normal(key, images.shape)

  tuned = _finetune(prepare=noisy, seed=3)
  again = _finetune(prepare=noisy, seed=3)
  other = _finetune(prepare=noisy, seed=4)
  np.testing.assert_array_equal(tuned.losses, again.losses)
  assert np.abs(tuned.losses[1:] - other.losses[1:]).max() > 0

  keys = [jax.random.fold_in(jax.random.key(3), step) for step in range(5)]
  by_hand = _finetune(
    train_batch=lambda step: (noisy(IMAGES, keys[step]), LABELS)
  )
  np.testing.assert_allclose(tuned.losses, by_hand.losses, rtol=1e-5)


def test_is_the_same_on_eight_devices():
  mesh = jax.make_mesh((8,), ("data",), axis_types=(AxisType.Auto,))
  replicated = NamedSharding(mesh, PartitionSpec())
  split = NamedSharding(mesh, PartitionSpec("data"))

  tuned = _finetune(
    jax.device_put(_params(), replicated),
    lambda step: jax.device_put(_batch(step), split),
  )

  alone = _finetune()
  np.testing.assert_allclose(tuned.losses, alone.losses, rtol=1e-5)
  for leaf in jax.tree.leaves(tuned.variables):
    assert leaf.sharding.is_equivalent_to(replicated, leaf.ndim)
  np.testing.assert_allclose(
    tuned.predict(jax.device_put(IMAGES, split)),
    alone.predict(IMAGES),
    rtol=1e-4,
    atol=1e-5,
  )


def test_compiles_the_step_once():
  traced = []

  def prepare(images, key):
    del key
    traced.append(images.shape)
    return images

  _finetune(prepare=prepare)
  assert traced == [(32, 2, 2, 1)]


def test_says_which_setting_to_lower_when_it_diverges():
  with pytest.raises(
    FloatingPointError,
    match=r"nan.*1e\+30.*--config\.evals\.finetune\.learning_rate",
  ):
    _finetune(learning_rate_peak=1e30)


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"steps": 0}, "steps must be > 0, got 0"),
    ({"learning_rate_peak": 0.0}, "learning_rate_peak must be > 0, got 0.0"),
    ({"feature_size": 3}, r"\(32, 3\), got \(32, 4\)"),
  ],
)
def test_refuses_arguments_that_do_not_fit(changes, message):
  with pytest.raises(ValueError, match=message):
    _finetune(**changes)


@pytest.mark.parametrize("wrong", [-1, 2, 2**32 + 1])
def test_labels_of_other_classes_are_refused(wrong):
  labels = np.array([wrong, *LABELS[1:]])
  with pytest.raises(ValueError, match=rf"labels must be in \[0, 2\).*{wrong}"):
    _finetune(train_batch=lambda step: (IMAGES, labels))
