"""Times the layers of ResNet-50 alone: XLA's or Flax's form against ours.

    python -m benchmarks.step.layers [--repeats=9] [--out=table.md]

The convolutions of a training step on 8 images of 224 pixels, added up over
all layers of the network: forward, image gradient and kernel gradient. Then a
batch norm with ReLU and the max pool, forward and backward together, of the
largest size that the network has. Last a matrix product, as the limit of what
the processor computes in float32. Both forms are measured in turn.
"""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from benchmarks.harness import command, machine
from suncet_jax import convolution
from suncet_jax.devices.host import keep_freed_memory
from suncet_jax.models import activations, norm, pool

_BATCH = 8


class Layer(NamedTuple):
  """A convolution of the network and the number of its occurrences."""

  size: int
  channels: int
  features: int
  kernel: int
  stride: int
  times: int


def resnet50() -> list[Layer]:
  """Returns the convolutions after the stem, equal ones together."""
  layers = []
  size, channels = 56, 64
  for planes, depth in ((64, 3), (128, 4), (256, 6), (512, 3)):
    stride = 1 if planes == 64 else 2
    out = size // stride
    layers += [
      Layer(size, channels, planes, 1, 1, 1),
      Layer(size, channels, 4 * planes, 1, stride, 1),
      Layer(size, planes, planes, 3, stride, 1),
      Layer(out, planes, 4 * planes, 1, 1, depth),
      Layer(out, 4 * planes, planes, 1, 1, depth - 1),
      Layer(out, planes, planes, 3, 1, depth - 1),
    ]
    size, channels = out, 4 * planes
  return layers


def main(arguments: Sequence[str]) -> None:
  """Measures and prints."""
  options = command.parser(__doc__, repeats=9).parse_args(arguments)
  keep_freed_memory()
  lines = [
    command.table_head(
      ["", "XLA or Flax, ms", "ours, ms", "ratio", "ours, GF/s"]
    ),
    *_convolutions(options.repeats),
    _line("batch norm + ReLU, 8x56x56x256", _norms(options.repeats)),
    _line("max pool, 8x112x112x64", _pools(options.repeats)),
  ]
  parts = (
    machine.header(has_torch=False),
    f"Medians of {options.repeats}, float32.",
    "\n".join(lines),
    f"A 3000x3000 matrix product: {_gemm(options.repeats):.0f} GF/s.",
  )
  command.publish(parts, options.out)


def _medians(
  forms: Sequence[Callable[..., Any]], arguments: Sequence[Any], repeats: int
) -> list[float]:
  """Returns the seconds of jitted functions, measured in turn."""
  jitted = [jax.jit(form) for form in forms]
  times: list[list[float]] = [[] for _ in forms]
  for turn in range(repeats + 2):
    for function, taken in zip(jitted, times, strict=True):
      start = time.perf_counter()
      jax.block_until_ready(function(*arguments))
      if turn > 1:  # the first compiles, the second warms up
        taken.append(time.perf_counter() - start)
  return [statistics.median(taken) for taken in times]


def _normal(seed: int, *shape: int) -> jax.Array:
  return jax.random.normal(jax.random.key(seed), shape)


def _convolutions(repeats: int) -> list[str]:
  names = ("forward", "image gradient", "kernel gradient")
  totals = {name: [0.0, 0.0] for name in names}
  operations = 0
  for layer in resnet50():
    images = _normal(0, _BATCH, layer.size, layer.size, layer.channels)
    shape = (layer.kernel, layer.kernel, layer.channels, layer.features)
    kernel = _normal(1, *shape)
    outputs = jax.eval_shape(_forward("xla", layer), images, kernel)
    cotangent = _normal(2, *outputs.shape)
    operations += 2 * layer.times * outputs.size * kernel[..., 0].size
    for name in names:
      forms = [_form(name, which, layer) for which in ("xla", "auto")]
      found = _medians(forms, (images, kernel, cotangent), repeats)
      for i, seconds in enumerate(found):
        totals[name][i] += layer.times * seconds
  return [
    _line(f"convolutions, {name}", totals[name], operations) for name in names
  ]


def _forward(which: str, layer: Layer) -> Callable[..., jax.Array]:
  pad = layer.kernel // 2

  def forward(images: jax.Array, kernel: jax.Array) -> jax.Array:
    return convolution.convolve(
      images,
      kernel,
      strides=(layer.stride, layer.stride),
      padding=((pad, pad), (pad, pad)),
      implementation=which,
    )

  return forward


def _form(name: str, which: str, layer: Layer) -> Callable[..., jax.Array]:
  """Returns a function of (images, kernel, cotangent)."""
  forward = _forward(which, layer)
  if name == "forward":
    return lambda images, kernel, _: forward(images, kernel)
  index = ("image gradient", "kernel gradient").index(name)
  return lambda x, w, dy: jax.vjp(forward, x, w)[1](dy)[index]


def _norms(repeats: int) -> list[float]:
  x, dy = (_normal(seed, _BATCH, 56, 56, 256) for seed in (0, 1))
  scale, bias = jnp.ones(256), jnp.zeros(256)
  forms = [_with_gradient(form) for form in norm_forms().values()]
  return _medians(forms, (dy, x, scale, bias), repeats)


def norm_forms(
  dtype: DTypeLike = jnp.float32,
) -> dict[str, Callable[..., jax.Array]]:
  """Returns batch norm with ReLU, functions of (x, scale, bias), by whose.

  Args:
    dtype: Dtype of the activations.
  """
  layer = nn.BatchNorm(
    use_running_average=False, epsilon=norm.EPSILON, dtype=dtype
  )

  def plain(x: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    variables = {
      "params": {"scale": scale, "bias": bias},
      "batch_stats": {
        "mean": jnp.zeros(x.shape[-1]),
        "var": jnp.ones(x.shape[-1]),
      },
    }
    return nn.relu(layer.apply(variables, x, mutable=["batch_stats"])[0])

  def ours(x: jax.Array, scale: jax.Array, bias: jax.Array) -> jax.Array:
    return activations.relu(norm.normalize(x, scale, bias)[0])

  return {"Flax's": plain, "ours": ours}


def _pools(repeats: int) -> list[float]:
  def flax_form(x: jax.Array) -> jax.Array:
    return nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))

  x, dy = _normal(0, _BATCH, 112, 112, 64), _normal(1, _BATCH, 56, 56, 64)
  forms = [_with_gradient(form) for form in (flax_form, pool.max_pool)]
  return _medians(forms, (dy, x), repeats)


def _with_gradient(form: Callable[..., jax.Array]) -> Callable[..., Any]:
  def run(dy: jax.Array, *operands: jax.Array) -> Any:
    outputs, pull_back = jax.vjp(form, *operands)
    return outputs, pull_back(dy)

  return run


def _gemm(repeats: int) -> float:
  a, b = _normal(0, 3000, 3000), _normal(1, 3000, 3000)
  (seconds,) = _medians([jnp.matmul], (a, b), repeats)
  return 2 * 3000**3 / seconds / 1e9


def _line(title: str, times: Sequence[float], operations: int = 0) -> str:
  theirs, ours = times
  rate = f"{operations / ours / 1e9:.0f}" if operations else ""
  return command.table_line(
    [
      title,
      f"{1e3 * theirs:.1f}",
      f"{1e3 * ours:.1f}",
      f"{theirs / ours:.2f}",
      rate,
    ]
  )


if __name__ == "__main__":
  main(sys.argv[1:])
