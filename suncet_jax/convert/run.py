"""The encoder of a run's folder, without its data set."""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging
from etils import epath
from ml_collections import ConfigDict

from suncet_jax import methods, models, optim
from suncet_jax.config import ConfigError, from_dict, validate
from suncet_jax.convert.weights import ConvertError, Images, Weights
from suncet_jax.data.augment import Augmentation
from suncet_jax.devices.mesh import make_mesh
from suncet_jax.train.experiment import model_config
from suncet_jax.train.state import TrainState, init_state
from suncet_jax.workdir.checkpoints import Checkpoints
from suncet_jax.workdir.folder import FolderError, RunFolder

# Sizes of the state that the configuration does not hold, but the data set.
_STEM = re.compile(r"\.params\['backbone'\]\['stem(_conv'|'\]\['conv')\]")
_CLASSIFIER = ".params['head']['dense1']['kernel']"


def is_run(folder: epath.Path) -> bool:
  """Whether a folder is that of a run."""
  return (folder / "config.json").exists() and (folder / "checkpoints").exists()


def read(folder: epath.PathLike) -> Weights:
  """Reads the newest intact checkpoint of a run, with all digests verified.

  Args:
    folder: The run's folder, finished or not, local or gs://.

  Returns:
    What the run evaluates: the averaged weights, if it has some.

  Raises:
    ConvertError: If there is no checkpoint, or none that fits config.json.
  """
  run = RunFolder(folder)
  config = _config(run)
  with _quiet():
    channels, classes = _sizes(_leaf_shapes(run.checkpoints))
  of_method = model_config(config, classes)
  template = _template(config, of_method, channels)
  try:
    with (
      _quiet(),
      Checkpoints(run.checkpoints, read_only=True) as checkpoints,
    ):
      restored = checkpoints.restore(template)
  except ValueError as error:
    raise ConvertError(f"{run.path}: {error}") from error
  if restored is None:
    raise ConvertError(f"{run.path} holds no checkpoint yet.")
  return Weights(
    model=of_method.to_dict(),
    # Nothing else has float64, which is for tests.
    precision=config.precision.replace("64", "32"),
    images=_images(config, channels),
    leaves={
      tuple(entry.key for entry in path): np.asarray(leaf, np.float32)
      for tree in restored[0].encoder
      for path, leaf in jax.tree.leaves_with_path(tree)
    },
  )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
  """Keeps Orbax from warning that it only reads; errors still show."""
  verbosity = logging.get_verbosity()
  logging.set_verbosity(logging.ERROR)
  try:
    yield
  finally:
    logging.set_verbosity(verbosity)


def _config(run: RunFolder) -> ConfigDict:
  try:
    config = from_dict(run.config())
    validate(config)
  except (FolderError, ConfigError, ValueError, KeyError, TypeError) as error:
    raise ConvertError(f"{run.path}: {error}") from error
  return config


def _leaf_shapes(folder: epath.Path) -> dict[str, str]:
  """Returns the dtype and shape of every leaf as a checkpoint describes it."""
  options = ocp.CheckpointManagerOptions(read_only=True, create=False)
  with ocp.CheckpointManager(folder, options=options) as manager:
    problem: Exception | None = None
    for step in sorted(manager.all_steps(), reverse=True):
      arguments = ocp.args.Composite(meta=ocp.args.JsonRestore())
      try:
        return manager.restore(step, args=arguments)["meta"]["leaves"]
      except Exception as error:  # of nearly any kind, if it is damaged
        problem = error
  raise ConvertError(
    f"{folder} holds no intact checkpoint ({problem or 'none at all'})."
  )


def _sizes(leaves: dict[str, str]) -> tuple[int, int]:
  """Returns the number of channels and the outputs of a linear head."""
  stem = next(x for path, x in leaves.items() if _STEM.match(path))
  return _shape(stem)[2], _shape(leaves.get(_CLASSIFIER, "[0]"))[-1]


def _shape(described: str) -> list[int]:
  """Returns the shape in a description such as float32[3, 3, 1, 16]."""
  return [int(number) for number in re.findall(r"\d+", described.split("[")[1])]


def _template(
  config: ConfigDict, of_method: ConfigDict, channels: int
) -> TrainState:
  """Returns shapes and dtypes of the run's state, on one device."""
  augmentation = Augmentation.from_config(config.augment)
  method = methods.make_method(config, augmentation, make_mesh())
  optimizer, _ = optim.make_optimizer(config, steps_per_epoch=1)
  model = models.build(of_method, config.precision)
  size = augmentation.size

  def init() -> TrainState:
    return init_state(
      jax.random.key(0),
      model,
      method,
      optimizer,
      (size, size, channels),
      is_averaged=config.train.ema_decay > 0,
    )

  device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])

  def described(leaf: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=device)

  return jax.tree.map(described, jax.eval_shape(init))


def _images(config: ConfigDict, channels: int) -> Images:
  """Returns how the run's evaluation prepares images."""
  data, augment = config.data, config.augment
  are_files = data.source == "folder" or data.reading != "memory"
  return Images(
    channels=channels,
    size=data.centre_crop if are_files else augment.size,
    resize=data.resize if are_files else 0,
    mean=tuple(augment.mean),
    std=tuple(augment.std),
    evaluated=config.evals.image_size,
  )
