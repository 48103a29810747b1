"""Fine-tuning of a trained state on the labelled images of its run."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from suncet_jax.architectures import part_name
from suncet_jax.data.augment.view import View
from suncet_jax.data.clips.clip import Clip
from suncet_jax.data.source import Request
from suncet_jax.data.stream import draw_crops, host_crops, load_rows
from suncet_jax.data.transform import Transform
from suncet_jax.data.views import Augmentation
from suncet_jax.devices.mesh import RowPlacement
from suncet_jax.evals.finetune import FineTuned, finetune
from suncet_jax.evals.finetune_step import ApplyBackbone
from suncet_jax.models.heads import first_layers
from suncet_jax.models.model import Model, Network
from suncet_jax.optim import rate_factors
from suncet_jax.rng import RngStream, permutation
from suncet_jax.train.experiment import Experiment, frozen_norms
from suncet_jax.train.state import TrainState


def finetune_on_labels(
  experiment: Experiment,
  state: TrainState,
  classifier: tuple[jax.Array, jax.Array] | None = None,
) -> FineTuned:
  """Trains backbone and a new linear classifier, as `evals.finetune` says.

  The protocol of Assran et al. 2020 (arXiv 2006.10803): crop and flip only,
  the projection head dropped; settings are `config.evals.finetune`, whose
  `first_layers` keeps layers of the head (SimCLRv2, arXiv 2006.10029).

  Args:
    experiment: Gives the images and the settings.
    state: The pre-trained encoder; not modified.
    classifier: Kernel and bias to start from; None: zeros.

  Returns:
    The fine-tuned network.
  """
  settings = experiment.config.evals.finetune
  batches = _LabelledBatches(experiment)
  loaded = iter(batches)
  model = experiment.model.with_frozen_norms(frozen_norms(settings))
  kept = _kept(model, state.encoder, settings.first_layers)
  return finetune(
    kept.apply,
    kept.params,
    kept.batch_stats,
    lambda step: next(loaded),  # asked for in order: 0, 1, 2, ...
    feature_size=kept.feature_size,
    class_count=experiment.pipeline.class_count,
    steps=settings.epochs * batches.steps_per_epoch,
    learning_rate_peak=settings.learning_rate * batches.batch_size / 256,
    backbone_scale=_scales(settings, kept.params),
    optimizer=settings.optimizer,
    weight_decay=settings.weight_decay,
    classifier=classifier,
    lora_rank=settings.lora_rank,
    lora_alpha=settings.lora_alpha,
    prepare=_prepare(experiment),
    seed=experiment.config.seed,
  )


def _scales(settings: ConfigDict, params: Any) -> Any:
  """Returns the factors of the learning rates, one for all if they are one."""
  if settings.layer_decay == 1 and not settings.frozen_blocks:
    return settings.backbone_scale
  is_bare = "backbone" not in params
  factors = rate_factors(
    {"backbone": params} if is_bare else params,
    layer_decay=settings.layer_decay,
    frozen_blocks=settings.frozen_blocks,
  )
  scales = jax.tree.map(lambda x: settings.backbone_scale * x, factors)
  return scales["backbone"] if is_bare else scales


class _Kept(NamedTuple):
  """The network that a new classifier is put on."""

  apply: ApplyBackbone
  params: Any
  batch_stats: Any
  feature_size: int


def _kept(model: Model, encoder: tuple[Any, Any], layers: int) -> _Kept:
  """Returns the backbone with so many layers of the projection head."""
  params, batch_stats = encoder
  if not layers:
    backbone = params["backbone"], batch_stats["backbone"]
    return _Kept(model.apply_features, *backbone, model.feature_size)
  whole, part = model.heads["projection"].network, part_name("projection")
  head = Network(whole.module.clone(stop_after=layers))

  def apply(
    params: Any, batch_stats: Any, images: Any, *, train: bool
  ) -> tuple[jax.Array, Any]:
    features, new = model.apply_features(
      params["backbone"], batch_stats["backbone"], images, train=train
    )
    outputs, new_of_head = head.apply(
      params[part], batch_stats[part], features, train=train
    )
    return outputs, {"backbone": new, part: new_of_head}

  def kept(tree: Any) -> Any:
    head = first_layers(tree[part], layers)
    return {"backbone": tree["backbone"], part: head}

  hidden = head.module.mlp.hidden or model.feature_size
  return _Kept(apply, kept(params), kept(batch_stats), hidden)


class _LabelledBatches:
  """Batches (images, labels) on the devices, for fine-tuning, in order.

  Each epoch has a new order; its last incomplete batch is dropped.
  """

  def __init__(self, experiment: Experiment) -> None:
    wanted = experiment.config.evals.finetune.batch_size
    self._experiment = experiment
    self._labelled = experiment.pipeline.splits.labelled
    size = min(wanted, self._labelled.size)
    self.batch_size = (
      max(size // experiment.mesh.size, 1) * experiment.mesh.size
    )
    self.steps_per_epoch = max(1, self._labelled.size // self.batch_size)
    self._placement = RowPlacement(experiment.mesh, self.batch_size)
    self._crops = host_crops([_crop_and_flip(experiment)])

  def __iter__(self) -> Iterator[tuple[Any, jax.Array]]:
    source = self._experiment.pipeline.train
    epochs = self._experiment.config.evals.finetune.epochs
    steps = range(epochs * self.steps_per_epoch)
    requests = map(self._rows, steps)
    for images, rows in load_rows(
      source, self._placement, requests, self._crops
    ):
      labels = source.labels[rows.indices]
      yield images[0], self._placement.put(labels)

  def _rows(self, step: int) -> Request:
    epoch, batch = divmod(step, self.steps_per_epoch)
    seed = self._experiment.config.seed
    order = permutation(
      self._labelled.size, seed, RngStream.FINETUNE_ORDER, epoch
    )
    # With more devices than labelled images the order goes round.
    order = np.resize(order, max(order.size, self.batch_size))
    chosen = order[batch * self.batch_size :][: self.batch_size]
    address = (seed, RngStream.FINETUNE_VIEW, step)
    draws = draw_crops(self._placement, len(self._crops), address)
    return Request(self._labelled[chosen[self._placement.rows]], draws)


def _crop_and_flip(experiment: Experiment) -> Transform:
  """Returns the views of fine-tuning; of clips, those of the training."""
  view = experiment.views["view"]
  if isinstance(view, Clip):
    return view
  settings, augment = (
    experiment.config.evals.finetune,
    experiment.config.augment,
  )
  augmentation = Augmentation(
    size=augment.size,
    crop_scale=tuple(settings.crop_scale),
    crop_ratio=tuple(augment.crop_ratio),
    flip_prob=settings.flip_prob,
    jitter_prob=0.0,
    grayscale_prob=0.0,
    blur_prob=0.0,
    mean=tuple(augment.mean),
    std=tuple(augment.std),
  )
  return View(augmentation, experiment.pipeline.train.crops_on_host)


def _prepare(
  experiment: Experiment,
) -> Callable[[Any, jax.Array], Any]:
  """Returns what makes views: images, key -> images."""
  view = _crop_and_flip(experiment)

  def prepare(images: Any, key: jax.Array) -> Any:
    count = jax.tree.leaves(images)[0].shape[0]
    return view.view(images, jax.random.split(key, count))

  return prepare
