"""Protocol of a method, which defines what a training step optimizes."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import jax
from flax import struct
from ml_collections import ConfigDict

from suncet_jax import plugins
from suncet_jax.data.transform import Transform
from suncet_jax.models import Example, Network, Outputs

# A view of the images of a step: an array with the rows first, or a tree of
# such arrays.
Rows = Any


@dataclasses.dataclass(frozen=True)
class BatchSpec:
  """The images that one step needs; hashable, so that jit may specialize.

  Attributes:
    unlabelled: Views of each unlabelled image. They may differ in size (several
      crop sizes) or strength (weak and strong).
    labelled: Views of each labelled image; empty: none are loaded.
  """

  unlabelled: tuple[Transform, ...]
  labelled: tuple[Transform, ...] = ()


@struct.dataclass
class Views:
  """The augmented images of a step.

  Attributes:
    unlabelled: Images of each unlabelled view, float32 [b, h, w, c]; of clips
      a tree of arrays, rows first.
    labelled: Images of each labelled view likewise, float32 [l, h, w, c].
    labels: Labels, int32 [l], or None without a labelled view.
  """

  unlabelled: tuple[Rows, ...]
  labelled: tuple[Rows, ...]
  labels: jax.Array | None


@struct.dataclass
class Moment:
  """Time of a step; traced, so that ramps cause no recompilation.

  Attributes:
    step: Number of steps before this one, with skipped ones, int32.
    epoch: Number of epochs before this step, a fraction, float32.
    key: PRNG key of this step, for all but the views.
  """

  step: jax.Array
  epoch: jax.Array
  key: jax.Array


class StepOutput(NamedTuple):
  """Output of a loss besides its value.

  Attributes:
    batch_stats: New running statistics of the encoder.
    metrics: Scalars to log, by name.
    aux: Values for `Method.update`, such as embeddings to enqueue.
  """

  batch_stats: Any
  metrics: dict[str, jax.Array]
  aux: Any = ()


class Player(NamedTuple):
  """A network beside the encoder, such as a generator or a critic.

  Attributes:
    network: The network.
    shapes: Shapes of its inputs, with one row.
  """

  network: Network
  shapes: tuple[tuple[int, ...], ...]


class Encode(Protocol):
  """The encoder of many views, on all devices."""

  def __call__(
    self,
    params: Any,
    batch_stats: Any,
    views: Sequence[Rows],
    *,
    train: bool = True,
    key: jax.Array | None = None,
  ) -> tuple[list[Outputs], Any]:
    """Encodes views.

    Views of one size share a forward pass, so that batch norm sees them
    together; each further size is a pass of its own with its own statistics,
    and the running statistics go through the passes in turn.

    Args:
      params: Parameters of the encoder, or of a teacher.
      batch_stats: Running statistics that go with them.
      views: Views, rows first.
      train: Whether norms use the statistics of the batch; else the running
        ones, which are returned as they came.
      key: PRNG key of dropout and noise, for networks that have them.

    Returns:
      ("features" and the outputs of the heads by name, per view; batch_stats).
    """
    ...

  def join(self, arrays: Sequence[Any]) -> Any:
    """Concatenates rows of views without moving them between devices."""
    ...

  def over_rows(
    self, loss: Callable[..., jax.Array]
  ) -> Callable[..., jax.Array]:
    """Wraps a loss of `suncet_jax.losses`, to see the rows of all devices."""
    ...


class Method:
  """A method: the loss of a step; all functions are pure and run inside jit.

  One scalar is differentiated and one optimizer applied. A method without a
  state of its own defines only `loss`. Its spec declares the views of a step.

  A game of several players is one loss, too: each player's term takes the
  parameters, or the samples, of the others through `jax.lax.stop_gradient`. The
  gradient of the sum is then each player's own.
  """

  def networks(self, image_shape: Example) -> Mapping[str, Player]:
    """Returns the networks beside the encoder by name; {} for most methods.

    Their parameters and statistics lie beside those of backbone and heads,
    under their names, which the spec declares as `players`. They are drawn,
    saved and skipped as the encoder is, and are no part of it: encoders are
    exported without them.

    Args:
      image_shape: Shape of the views, (h, w, c); a tree for clips.
    """
    del image_shape
    return {}

  def pictures(
    self,
    params: Any,
    batch_stats: Any,
    image_shape: Example,
    key: jax.Array,
  ) -> Mapping[str, jax.Array]:
    """Returns images that its networks draw, for the report; {} for most.

    Args:
      params: Parameters of all parts, as they are evaluated.
      batch_stats: Running statistics that go with them.
      image_shape: Shape of the views, (h, w, c); a tree for clips.
      key: PRNG key.

    Returns:
      Images in [0, 1] by title, [n, h, w, c] with the same n in all.
    """
    del params, batch_stats, image_shape, key
    return {}

  def init(self, params: Any, batch_stats: Any) -> tuple[Any, Any]:
    """Returns the initial parameters and the method's own state.

    Args:
      params: Freshly drawn parameters, of the networks beside the encoder too.
      batch_stats: Running statistics of the same parts.

    Returns:
      (params, method_state), such as a momentum encoder; () if there is none.
    """
    del batch_stats
    return params, ()

  def loss(
    self,
    params: Any,
    batch_stats: Any,
    method_state: Any,
    views: Views,
    encode: Encode,
    moment: Moment,
  ) -> tuple[jax.Array, StepOutput]:
    """Returns the loss to differentiate by `params`, and its other outputs.

    Args:
      params: Parameters of the encoder.
      batch_stats: Running statistics of the encoder.
      method_state: The method's own state, constant in this step.
      views: Images of the batch spec.
      encode: Encoder of many views.
      moment: Time of the step.
    """
    raise NotImplementedError

  def measured(self, outputs: Outputs) -> dict[str, jax.Array]:
    """Returns what evaluations of its own need of each image, or clip.

    Args:
      outputs: Outputs of the encoder in evaluation mode, b rows.

    Returns:
      Arrays of b rows by the names in the spec's `measured`; {} for most.
    """
    del outputs
    return {}

  def update(
    self, params: Any, method_state: Any, aux: Any, moment: Moment
  ) -> tuple[Any, Any]:
    """Returns parameters and method state after the optimizer.

    Args:
      params: Parameters after the optimizer; a method may constrain them.
      method_state: The method's own state before the step.
      aux: Value of `StepOutput.aux` that `loss` returned.
      moment: Time of the step.

    Returns:
      (params, method_state).
    """
    del aux, moment
    return params, method_state


def build(config: ConfigDict, class_count: int) -> Method:
  """Builds the method that `config.method` names.

  Args:
    config: Configuration of the run.
    class_count: Number of classes.

  Raises:
    ValueError: If there is no such method.
  """
  module = plugins.method_module(config.method.name, "method")
  return module.build(config, class_count)
