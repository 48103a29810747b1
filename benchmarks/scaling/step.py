"""Compiles the training step of a configuration for some of the devices.

Nothing runs: images and parameters are shapes only. The steps are those that
`suncet_jax.main` trains with, augmentation, losses, metrics and LARS included;
all of them crop on the device, while those of image files come cropped.
"""

import dataclasses
import math
import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from benchmarks.harness.files import load_config
from suncet_jax.data.arrays import ArraySource
from suncet_jax.data.source import Dataset
from suncet_jax.devices.mesh import DATA_AXIS
from suncet_jax.preflight.collectives import Collective, found_in
from suncet_jax.train import experiment


class Setup(NamedTuple):
  """A step, independent of the number of devices.

  Attributes:
    config: Name of a file in configs/, which gives all else.
    images: Unlabelled images of a step, over all devices.
    labelled: Images of a step that have labels, over all devices; even.
    embedding: Size of the projection; 0: as in the configuration.
    bf16: Whether the network computes in bfloat16.
  """

  config: str
  images: int
  labelled: int
  embedding: int = 0
  bf16: bool = False


ROWS = {
  "digits": Setup("digits", 128, 48),
  "digits_d32": Setup("digits", 128, 48, embedding=32),
  "digits_larger": Setup("digits", 512, 96),
  "digits_blocks": Setup("digits", 8192, 4096),
  "digits_bf16": Setup("digits", 128, 48, bf16=True),
  "cifar10": Setup("cifar10", 64, 16),
  "imagenet": Setup("imagenet", 16, 16),
}


class Network(NamedTuple):
  """Sizes of a network that determine its traffic.

  Attributes:
    parameters: Number of all parameters.
    norm_parameters: Number of parameters of batch norms.
    norms: Number of batch norms.
    channels: Channels of all batch norms, added up.
    waits: Number of batch norms whose collectives come one after the other; a
      shortcut's is concurrent with one of the main branch.
    tensors: Number of parameter arrays outside of norms.
  """

  parameters: int
  norm_parameters: int
  norms: int
  channels: int
  waits: int
  tensors: int


class Step(NamedTuple):
  """A compiled step.

  Attributes:
    embedding: Size of the projection.
    views: Views of each labelled image.
    network: Sizes of the network.
    asked_for: Collectives that the partitioner inserts, before optimization.
    collectives: Collectives of the compiled program.
  """

  embedding: int
  views: int
  network: Network
  asked_for: list[Collective]
  collectives: list[Collective]


def compile_step(setup: Setup, device_count: int) -> Step:
  """Compiles a step for the first devices of this process.

  Args:
    setup: Setup of the step.
    device_count: Number of devices that share it.
  """
  parts = _on(make_experiment(setup), device_count)
  spec = parts.batch_spec(0)
  step: Any = parts.step_fn()  # what jax.jit gives
  lowered = step.lower(
    parts.state_template(), parts.batch_template(spec), spec, 0
  )
  return Step(
    parts.config.model.head.out,
    len(spec.labelled),
    network_of(parts),
    *map(found_in, programs(lowered)),
  )


def make_experiment(setup: Setup) -> experiment.Experiment:
  """Builds a step's experiment, on all devices and without compiling it."""
  config = _config(setup)
  channels = 1 if setup.config == "digits" else 3
  return experiment.build(config, _dataset(config, channels))


def programs(lowered: jax.stages.Lowered) -> tuple[str, str]:
  """Returns the text after partitioning, empty on one device, and compiled."""
  with tempfile.TemporaryDirectory() as folder:
    options: dict[str, Any] = {
      # Only HLO is read, so the machine code need not be fast.
      "xla_backend_optimization_level": 0,
      "xla_llvm_disable_expensive_passes": True,
      "xla_dump_to": folder,
      "xla_dump_hlo_pass_re": "spmd-partitioning",
    }
    compiled = lowered.compile(compiler_options=options)
    files = pathlib.Path(folder).glob("*after_spmd-partitioning*")
    partitioned = "".join(file.read_text() for file in files)
  return partitioned, compiled.as_text() or ""


def network_of(parts: experiment.Experiment) -> Network:
  """Returns the sizes of an experiment's network."""
  state = parts.state_template()
  params = _by_name(state.params)
  of_norms = {name: leaf for name, leaf in params.items() if "norm" in name}
  stats = _by_name(state.batch_stats)
  means = {name: leaf for name, leaf in stats.items() if "'mean'" in name}
  return Network(
    parameters=_size(params),
    norm_parameters=_size(of_norms),
    norms=len(means),
    channels=_size(means),
    waits=sum("shortcut" not in name for name in means),
    tensors=len(params) - len(of_norms),
  )


def _by_name(tree: Any) -> dict[str, Any]:
  return {
    jax.tree_util.keystr(path): leaf
    for path, leaf in jax.tree.leaves_with_path(tree)
  }


def _size(leaves: Mapping[str, Any]) -> int:
  return sum(math.prod(leaf.shape) for leaf in leaves.values())


def _on(
  parts: experiment.Experiment, device_count: int
) -> experiment.Experiment:
  """Returns the experiment on the first devices only."""
  mesh = jax.make_mesh(
    (device_count,),
    (DATA_AXIS,),
    devices=jax.devices()[:device_count],
    axis_types=(jax.sharding.AxisType.Auto,),
  )
  return dataclasses.replace(
    parts, mesh=mesh, stream=parts.pipeline.stream(mesh)
  )


def _config(setup: Setup) -> ConfigDict:
  config = load_config(setup.config)
  data = config.data
  data.source, data.labelled.file = "arrays", ""
  data.labelled.per_class, data.labelled.fraction = 0, 1.0
  data.validation.per_class = 0
  data.batch_size = setup.images
  data.labelled.classes_per_batch = 2
  data.labelled.images_per_class = setup.labelled // 2
  if setup.embedding:
    config.model.head.out = setup.embedding
  if setup.bf16:
    config.precision = "bfloat16"
  return config


def _dataset(config: ConfigDict, channels: int) -> Dataset:
  """Returns black images of two classes, as many as a step takes."""
  side = config.augment.size
  labelled = 2 * config.data.labelled.images_per_class
  count = max(config.data.batch_size, labelled)
  # One image, seen many times.
  pixels = np.broadcast_to(
    np.zeros((), np.uint8), (count, side, side, channels)
  )
  source = ArraySource(pixels, np.arange(count, dtype=np.int32) % 2)
  return Dataset("black", source, source, ("even", "odd"))
