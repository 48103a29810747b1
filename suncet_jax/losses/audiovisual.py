"""Global-Local's attention over places, and its loss of frames and sounds."""

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from suncet_jax.calls import explained
from suncet_jax.losses import _bags, _checks, _options
from suncet_jax.losses._logits import bounded
from suncet_jax.losses._partition import maps_explicit_rows
from suncet_jax.losses._similarity import AxisName


@explained("losses")
def audiovisual_attention(
  audio: ArrayLike,
  places: ArrayLike,
  *,
  normalize: bool = True,
  temperature: ArrayLike = 0.1,
) -> jax.Array:
  r"""Returns where a clip's sound is, as weights of the places of its images.

  .. math::
    w_{ip} \propto \exp(a_i \cdot v_{ip} / \tau)

  Args:
    audio: Floating embeddings [n, d] of the sounds, means over their time.
    places: Floating embeddings [n, p, d] of the places, means over their time.
    normalize: Whether embeddings are scaled to length 1.
    temperature: Temperature :math:`\tau > 0`.

  Returns:
    Weights [n, p], rows of sum 1: float32, or float64 for float64 embeddings.

  Raises:
    TypeError: Embeddings are not floating.
    ValueError: Shapes do not fit, or the temperature is not > 0.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> places = jnp.eye(4)[None]
    >>> weights = losses.audiovisual_attention(jnp.eye(4)[2:3], places)
    >>> int(jnp.argmax(weights))
    2

  References:
    Ma et al., `Contrastive Learning of Global-Local Video Representations
    <https://arxiv.org/abs/2104.05418>`_, 2021; the formula is the public
    code's.
  """
  function = "audiovisual_attention"
  sounds, places = _bags.checked(function, audio, places, ("audio", "places"))
  temperature = _options.checked_temperature(function, temperature)
  _options.check_static(function, normalize=normalize)
  return _attention(sounds, places, bool(normalize), temperature)


@functools.partial(jax.jit, static_argnums=2)
def _attention(
  audio: jax.Array,
  places: jax.Array,
  normalize: bool,
  temperature: ArrayLike,
) -> jax.Array:
  audio, places = (_bags.embedded(x, normalize) for x in (audio, places))
  inverse = 1 / jnp.asarray(temperature, audio.dtype)
  return jax.nn.softmax(bounded(inverse * _bags.dots(audio, places)))


@explained("losses")
def audiovisual_local(
  audio: ArrayLike,
  places: ArrayLike,
  frames: ArrayLike,
  sounds: ArrayLike,
  *,
  normalize: bool = True,
  temperature: ArrayLike = 0.1,
  axis_name: AxisName | None = None,
) -> jax.Array:
  r"""Returns the local loss of Global-Local: which sound belongs to a frame.

  A frame is the mean of its places, weighted by `audiovisual_attention` of the
  whole clip, :math:`f_{it} = \sum_p w_{ip} x_{itp}`. Its bag are the k sounds
  of its time. The loss is `mil_nce` of all frames of all clips, n t rows: the
  floor is :math:`\log 2`, and embeddings that tell nothing apart give
  :math:`\log 2 n t`. The gradient reaches sounds and places of the attention,
  too.

  Args:
    audio: Floating embeddings [n, d] of whole sounds, for the attention.
    places: Floating embeddings [n, p, d] of places, for the attention.
    frames: Floating embeddings [n, t, p, e] of the places of every frame.
    sounds: Floating embeddings [n, s, e] of sounds in their order, s a multiple
      of t: the first s / t of them belong to frame 0, and so on.
    normalize: Whether embeddings are scaled to length 1, frames after their
      mean. The published form leaves them as they are, with a temperature of 1.
    temperature: Temperature :math:`\tau > 0` of attention and similarities.
    axis_name: Name or names of the mapped axis, whose devices' clips all count;
      None outside of one.

  Returns:
    Scalar in nats, the same on all devices: float32, or float64 for float64
    embeddings.

  Raises:
    TypeError: Embeddings are not floating.
    ValueError: Shapes do not fit, s is not a multiple of t, or the temperature
      is not > 0.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> clip, place = jnp.ones((1, 2)), jnp.ones((1, 1, 2))
    >>> frames = jnp.eye(4).reshape(1, 4, 1, 4)
    >>> sounds = jnp.repeat(jnp.eye(4), 3, axis=0)[None]  # three per frame
    >>> loss = losses.audiovisual_local(clip, place, frames, sounds)
    >>> round(float(loss), 3)  # its floor, log 2
    0.693

  References:
    Ma et al., `Contrastive Learning of Global-Local Video Representations
    <https://arxiv.org/abs/2104.05418>`_, 2021; the formula is the public
    code's.
  """
  function = "audiovisual_local"
  arrays, temperature = _checked_moments(
    function, audio, places, frames, sounds, temperature
  )
  _options.check_static(function, normalize=normalize)
  _options.check_axis(function, axis_name)
  return _local(
    *arrays,
    normalize=bool(normalize),
    temperature=temperature,
    axis_name=axis_name,
  )


@functools.partial(jax.jit, static_argnames=("normalize", "axis_name"))
@maps_explicit_rows
def _local(
  audio: jax.Array,
  places: jax.Array,
  frames: jax.Array,
  sounds: jax.Array,
  *,
  normalize: bool,
  temperature: ArrayLike,
  axis_name: AxisName | None,
) -> jax.Array:
  rows, bags = _moments(audio, places, frames, sounds, normalize, temperature)
  rows, bags = (x.reshape(-1, *x.shape[2:]) for x in (rows, bags))
  return _bags.mean_value(rows, bags, temperature, axis_name)


def _moments(
  audio: jax.Array,
  places: jax.Array,
  frames: jax.Array,
  sounds: jax.Array,
  normalize: bool,
  temperature: ArrayLike,
) -> tuple[jax.Array, jax.Array]:
  """Returns frames as seen [n, t, e], and the sounds of each [n, t, k, e]."""
  weights = _attention(audio, places, normalize, temperature)
  # Bounded before the mean, which then is finite, and scaled after it.
  frames = _bags.embedded(frames, False)
  sounds = _bags.embedded(sounds, normalize)
  dtype = jnp.result_type(weights, frames, sounds)
  seen = jnp.einsum(
    "np,ntpe->nte",
    weights.astype(dtype),
    frames.astype(dtype),
    precision="highest",
  )
  n, t, e = seen.shape
  bags = sounds.astype(dtype).reshape(n, t, sounds.shape[1] // t, e)
  return _bags.embedded(seen, normalize), bags


@explained("losses")
def audiovisual_synchrony(
  audio: ArrayLike,
  places: ArrayLike,
  frames: ArrayLike,
  sounds: ArrayLike,
  *,
  normalize: bool = True,
  temperature: ArrayLike = 0.1,
) -> jax.Array:
  """Returns how well each frame of a clip fits the sounds of each time.

  Args:
    audio: As of `audiovisual_local`, like all others.
    places: Embeddings [n, p, d] of places.
    frames: Embeddings [n, t, p, e] of the places of every frame.
    sounds: Embeddings [n, s, e] of sounds.
    normalize: Whether embeddings are scaled to length 1.
    temperature: Temperature of attention and similarities.

  Returns:
    Logarithms [n, t, t] of the sums of exponentials that `audiovisual_local`
    compares: of frame i and the sounds of frame j.

  Raises:
    TypeError: Embeddings are not floating.
    ValueError: Shapes do not fit, or the temperature is not > 0.
  """
  arrays, temperature = _checked_moments(
    "audiovisual_synchrony", audio, places, frames, sounds, temperature
  )
  _options.check_static("audiovisual_synchrony", normalize=normalize)
  return _synchrony(*arrays, bool(normalize), temperature)


@functools.partial(jax.jit, static_argnums=4)
def _synchrony(
  audio: jax.Array,
  places: jax.Array,
  frames: jax.Array,
  sounds: jax.Array,
  normalize: bool,
  temperature: ArrayLike,
) -> jax.Array:
  rows, bags = _moments(audio, places, frames, sounds, normalize, temperature)
  inverse = 1 / jnp.asarray(temperature, rows.dtype)
  dots = jnp.einsum("nie,njke->nijk", rows, bags, precision="highest")
  return jax.nn.logsumexp(bounded(inverse * dots), axis=-1)


def _checked_moments(
  function: str,
  audio: ArrayLike,
  places: ArrayLike,
  frames: ArrayLike,
  sounds: ArrayLike,
  temperature: ArrayLike,
) -> tuple[tuple[jax.Array, ...], ArrayLike]:
  """Returns the four arrays, and the temperature."""
  audio, places = _bags.checked(function, audio, places, ("audio", "places"))
  frames = _checks.checked_embeddings(function, "frames", frames, "n, t, p, e")
  sounds = _checks.checked_embeddings(function, "sounds", sounds, "n, s, e")
  _check_times(function, places, frames, sounds)
  temperature = _options.checked_temperature(function, temperature)
  return (audio, places, frames, sounds), temperature


def _check_times(
  function: str, places: jax.Array, frames: jax.Array, sounds: jax.Array
) -> None:
  n, t, p, e = frames.shape
  if (n, p) != places.shape[:2] or (n, e) != sounds.shape[::2]:
    raise ValueError(
      f"losses.{function}: places [n, p, d], frames [n, t, p, e] and "
      "sounds [n, s, e] must have one n, one p and one e, got shapes "
      f"{places.shape}, {frames.shape} and {sounds.shape}."
    )
  if not t or not sounds.shape[1] or sounds.shape[1] % t:
    raise ValueError(
      f"losses.{function}: the number of sounds must be a multiple of "
      f"that of frames, so that as many belong to each, got {sounds.shape[1]} "
      f"sounds and {t} frames. Cut the sounds to a multiple of {max(t, 1)}."
    )
