"""MIL-NCE: each row has a bag of keys, one of which is enough."""

import functools

import jax
from jax.typing import ArrayLike

from suncet_jax.calls import explained
from suncet_jax.losses import _bags, _options
from suncet_jax.losses._partition import maps_explicit_rows
from suncet_jax.losses._similarity import AxisName


@explained("losses")
def mil_nce(
  anchors: ArrayLike,
  bags: ArrayLike,
  *,
  normalize: bool = True,
  temperature: ArrayLike = 0.1,
  axis_name: AxisName | None = None,
) -> jax.Array:
  r"""Returns MIL-NCE of rows that have a bag of keys each.

  With :math:`s_{ijp} = a_i \cdot b_{jp} / \tau`, the similarity of row i and
  key p of the bag of row j,

  .. math::
    \frac{1}{n} \sum_i \Big[ \log \Big( \sum_{j, p} e^{s_{ijp}} +
    \sum_{j, p} e^{s_{jip}} \Big) - \log \sum_p e^{s_{iip}} \Big]

  A row is compared with all bags and its bag with all rows, so a row's own bag
  stands twice in the first logarithm, as in the published code: the floor is
  :math:`\log 2`, and embeddings that tell nothing apart give
  :math:`\log 2 n`. Similarities are made for a block of rows at a time where
  they would pass 16 MB, and again for the gradient.

  Of images and sounds it is the global loss of Global-Local: a row is the sound
  of a clip, its bag the places of the clip's images.

  Args:
    anchors: Floating embeddings [n, d].
    bags: Floating embeddings [n, p, d]; bag i is that of row i.
    normalize: Whether embeddings are scaled to length 1. The published form of
      both papers leaves them as they are, with a temperature of 1.
    temperature: Temperature :math:`\tau > 0`.
    axis_name: Name or names of the mapped axis, whose devices' rows and bags
      all count; None outside of one.

  Returns:
    Scalar in nats, the same on all devices: float32, or float64 for float64
    embeddings.

  Raises:
    TypeError: Embeddings are not floating.
    ValueError: Shapes do not fit, or the temperature is not > 0.

  Example:
    >>> import jax.numpy as jnp
    >>> from suncet_jax import losses
    >>> rows = jnp.eye(3)
    >>> round(float(losses.mil_nce(rows, rows[:, None])), 3)  # its floor, log 2
    0.693

  References:
    Miech et al., `End-to-End Learning of Visual Representations from Uncurated
    Instructional Videos <https://arxiv.org/abs/1912.06430>`_, 2020: equation 1;
    Ma et al., `Contrastive Learning of Global-Local Video Representations
    <https://arxiv.org/abs/2104.05418>`_, 2021.
  """
  function = "mil_nce"
  rows, keys = _bags.checked(function, anchors, bags, ("anchors", "bags"))
  temperature = _options.checked_temperature(function, temperature)
  _options.check_static(function, normalize=normalize)
  _options.check_axis(function, axis_name)
  return _mil_nce(
    rows,
    keys,
    normalize=bool(normalize),
    temperature=temperature,
    axis_name=axis_name,
  )


@functools.partial(jax.jit, static_argnames=("normalize", "axis_name"))
@maps_explicit_rows
def _mil_nce(
  anchors: jax.Array,
  bags: jax.Array,
  *,
  normalize: bool,
  temperature: ArrayLike,
  axis_name: AxisName | None,
) -> jax.Array:
  rows, keys = (_bags.embedded(x, normalize) for x in (anchors, bags))
  return _bags.mean_value(rows, keys, temperature, axis_name)
