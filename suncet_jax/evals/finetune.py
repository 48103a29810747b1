"""Fine-tuning: the whole network, trained on labelled images."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from suncet_jax import lora
from suncet_jax.errors import UserError
from suncet_jax.evals import _checks, _classifier, finetune_step
from suncet_jax.rng import RngStream


@dataclasses.dataclass(frozen=True)
class FineTuned:
  """A fine-tuned network.

  Attributes:
    variables: Its params, batch_stats and classifier (kernel, bias).
    losses: [steps] float32, cross-entropy in nats of each training batch before
      its update.
    apply: Jitted (variables, images) -> logits.
  """

  variables: finetune_step.Variables
  losses: np.ndarray
  apply: Callable[[finetune_step.Variables, ArrayLike], jax.Array]

  def predict(self, images: ArrayLike) -> jax.Array:
    """Returns the logits [b, c] float32 of images [b, h, w, c]."""
    return self.apply(self.variables, images)


def finetune(
  apply_backbone: finetune_step.ApplyBackbone,
  params: Any,
  batch_stats: Any,
  train_batch: Callable[[int], tuple[ArrayLike, ArrayLike]],
  *,
  feature_size: int,
  class_count: int,
  steps: int,
  learning_rate_peak: float,
  momentum: float = 0.9,
  backbone_scale: Any = 1.0,
  optimizer: str = "sgd",
  weight_decay: float = 0.0,
  classifier: tuple[ArrayLike, ArrayLike] | None = None,
  lora_rank: int = 0,
  lora_alpha: float = 16.0,
  prepare: finetune_step.Prepare | None = None,
  seed: int = 0,
) -> FineTuned:
  """Puts a linear classifier on a backbone and trains both.

  The protocol of SuNCEt (Assran et al. 2020, arXiv 2006.10803): the classifier
  starts at zero, batch norm is in training mode, SGD with Nesterov momentum, no
  weight decay, no warm-up, the learning rate falls as a cosine to 0. Other
  arguments than these defaults are ours.

  The host only queues steps and waits once, at the end. Under a mesh `params`
  is replicated, `train_batch` returns batches split over the devices, and
  whatever the backbone computes over a batch is over all devices.

  Args:
    apply_backbone: (params, batch_stats, images, train=) -> features [b, f] and
      new batch statistics. It is given what `prepare` returns in training, and
      what `predict` is given afterwards.
    params: Pre-trained parameters; not modified, the training has a copy.
    batch_stats: Pre-trained batch statistics, likewise.
    train_batch: Step in [0, steps) -> images [b, h, w, c] and integer labels
      [b] in [0, c), on the device or the host; all batches of equal shape.
    feature_size: Size f of the features.
    class_count: Number c of classes.
    steps: Number of batches to train on.
    learning_rate_peak: Learning rate of the first step, not scaled here.
    momentum: Momentum, in [0, 1).
    backbone_scale: Factor of the backbone's learning rate, or a tree of factors
      like `params`; what has 0 stays as it is. All 0: the backbone is frozen,
      in evaluation mode, and a linear classifier of its features is trained on
      augmented images (stage two of SupCon, arXiv 2004.11362).
    optimizer: Optimizer, "sgd" or "adamw".
    weight_decay: Factor of the decay of kernels.
    classifier: Kernel [f, c] and bias [c] to start from; None: zeros.
    lora_rank: Rank of adapters that are trained in place of the backbone, and
      added to its kernels at the end; 0: none.
    lora_alpha: Number whose quotient with the rank scales the adapters.
    prepare: Images, key -> images; random crop and flip, compiled into the
      step. The key is a function of (seed, step). None leaves images alone.
    seed: Seed of the keys, below 2**31.

  Returns:
    The fine-tuned network.

  Raises:
    ValueError: If a count or the learning rate is not above zero, or the
      features are not [b, feature_size].
    FloatingPointError: If the last loss is not finite.
  """
  _checks.check_positive(
    feature_size=feature_size,
    class_count=class_count,
    steps=steps,
    learning_rate_peak=learning_rate_peak,
  )
  if min(jax.tree.leaves(backbone_scale)) < 0:
    raise UserError(f"backbone_scale must be >= 0; got {backbone_scale}.")
  transformation = _classifier.finetuning(
    optimizer,
    learning_rate_peak,
    steps,
    momentum=momentum,
    weight_decay=weight_decay,
  )
  network = _Trained(apply_backbone, params, batch_stats, backbone_scale)
  if lora_rank:
    network = _adapted(network, lora_rank, lora_alpha, seed)
  start = _classifier.zero_classifier(feature_size, class_count)
  if classifier is not None:
    start = _classifier.Classifier(*(jnp.array(x) for x in classifier))
  state, sharding = finetune_step.initial_state(
    network.params, network.batch_stats, start, transformation
  )
  step_fn = jax.jit(
    finetune_step.make_step(
      network.apply, transformation, prepare, network.scale
    ),
    donate_argnums=0,
    # As it came in: the next step is then not compiled again.
    out_shardings=sharding,
  )
  device_losses = []
  for step in range(steps):
    images, labels = train_batch(step)
    if not isinstance(labels, jax.Array):  # a look at those would wait for them
      labels = _checks.checked_labels(
        "labels", labels, jax.tree.leaves(images)[0].shape[0], class_count
      )
    state, loss = step_fn(state, images, labels, seed)
    device_losses.append(loss)
  losses = np.asarray(jax.device_get(device_losses))
  _check_converged(losses, learning_rate_peak)
  variables = network.merged(state.variables)
  return FineTuned(variables, losses, _make_predict(apply_backbone))


class _Trained(NamedTuple):
  """What is trained below the classifier.

  Attributes:
    apply: The network, by what is trained of it.
    params: Parameters that are trained.
    batch_stats: Statistics, and whatever else goes through the steps.
    scale: Factors of the learning rate.
    merged: Function from the last arrays to those of the network.
  """

  apply: finetune_step.ApplyBackbone
  params: Any
  batch_stats: Any
  scale: Any
  merged: Callable[[finetune_step.Variables], finetune_step.Variables] = (
    lambda variables: variables
  )


def _adapted(whole: _Trained, rank: int, alpha: float, seed: int) -> _Trained:
  """Returns adapters to train in place of a network's parameters."""
  key = jax.random.fold_in(jax.random.key(seed), RngStream.ADAPTERS)
  added = jax.device_put(
    lora.adapters(whole.params, rank=rank, alpha=alpha, key=key),
    jax.tree.leaves(whole.params)[0].sharding,
  )

  def apply(
    params: Any, batch_stats: Any, images: jax.Array, *, train: bool
  ) -> tuple[jax.Array, Any]:
    # The network itself goes through the steps: closed over, its arrays would
    # be constants of the program.
    base, stats = batch_stats
    features, stats = whole.apply(
      lora.merged(base, params), stats, images, train=train
    )
    return features, (base, stats)

  def merged(variables: finetune_step.Variables) -> finetune_step.Variables:
    base, stats = variables.batch_stats
    params = lora.merged(base, variables.params)
    return finetune_step.Variables(params, stats, variables.classifier)

  return _Trained(
    apply,
    added,
    (whole.params, whole.batch_stats),
    lora.rates(added, whole.scale),
    merged,
  )


def _make_predict(
  apply_backbone: finetune_step.ApplyBackbone,
) -> Callable[[finetune_step.Variables, ArrayLike], jax.Array]:
  """Returns the jitted function (variables, images) -> logits."""

  @jax.jit
  def predict(
    variables: finetune_step.Variables, images: jax.Array
  ) -> jax.Array:
    scores, _ = finetune_step.apply_network(
      apply_backbone, variables, images, train=False
    )
    return scores

  return predict


def _check_converged(losses: np.ndarray, learning_rate: float) -> None:
  """Raises a FloatingPointError if the last loss is not finite."""
  if np.isfinite(losses[-1]):
    return
  first = int(np.argmin(np.isfinite(losses)))
  raise FloatingPointError(
    f"Fine-tuning diverged: the loss is {losses[first]} from step {first} of "
    f"{losses.size}, expected a finite number, at a peak learning rate of "
    f"{learning_rate}. Lower --config.evals.finetune.learning_rate (the "
    "peak for a batch of 256 images)."
  )
