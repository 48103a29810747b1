"""The command `python -m suncet_jax.convert INPUT --out=OUTPUT`."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from suncet_jax import command_line
from suncet_jax.architectures import STEMS, TRANSFORMERS
from suncet_jax.console import program, streams, terminal
from suncet_jax.console.words import shorten
from suncet_jax.convert import adapters, files, source, tensor_files
from suncet_jax.convert.layouts import COUNTER, LAYOUTS
from suncet_jax.convert.pytorch_names import NORMALISATIONS
from suncet_jax.convert.weights import FORMAT, Classifier, Weights
from suncet_jax.files.formats import write_json

_STABLEHLO = ".stablehlo"


def main(arguments: Sequence[str] | None = None) -> int:
  """Converts the input that the command line names.

  Args:
    arguments: Command line without the program; None takes that of this
      process.

  Returns:
    Exit code 0; after a fault the process exits with 2 and one message.
  """
  streams.prepare()
  options = _parser().parse_args(arguments)
  with command_line.clear_errors():
    weights = _read(options)
    terminal.say(_description(weights))
    if options.size < 0:
      command_line.fail(f"--size is {options.size}, expected pixels above 0.")
    if options.out.endswith(_STABLEHLO):
      from suncet_jax.convert import stablehlo

      if options.to != FORMAT:
        command_line.fail(f"{_STABLEHLO} has no names of layers: drop --to.")
      program = stablehlo.serialised(weights, options.size)
      tensor_files.write_bytes(options.out, program)
      if weights.classifier is not None:
        _write_classes(weights.classifier, options.out)
    else:
      if options.size:
        command_line.fail(f"--size is for {_STABLEHLO} alone.")
      left_out = files.write(weights, options.out, options.to)
      if left_out:
        terminal.say(
          f"Left out, as --to={options.to} has no place: {_few(left_out)}"
        )
    terminal.say(f"Written: {options.out}")
  return 0


def _read(options: argparse.Namespace) -> Weights:
  """Returns the weights of the input, with adapters if some are named."""
  if options.adapters:
    found = source.read(options.input, options.part)
    return adapters.added(found, options.adapters)
  return files.read(
    options.input,
    wrapper=options.wrapper,
    part=options.part,
    stem=options.stem,
    normalize=options.normalise,
  )


def _write_classes(classifier: Classifier, out: str) -> None:
  """Writes the names of the classes beside a program, which has no names."""
  path = out.removesuffix(_STABLEHLO) + ".classes.json"
  write_json(path, list(classifier.classes))
  terminal.say(f"Written: {path}")


def _parser() -> argparse.ArgumentParser:
  parser = argparse.ArgumentParser(
    prog=program.name("python -m suncet_jax.convert"),
    description="Converts trained weights; see docs/checkpoints.md.",
  )
  parser.add_argument(
    "input", help="folder of a run, folder or file of weights"
  )
  parser.add_argument(
    "--out",
    required=True,
    help="file (.safetensors, .npz, .pth, .stablehlo) or folder to write",
  )
  parser.add_argument(
    "--to",
    choices=(FORMAT, *LAYOUTS),
    default=FORMAT,
    help="layout that names the tensors (%(default)s)",
  )
  parser.add_argument(
    "--normalise",
    choices=tuple(NORMALISATIONS),
    default="",
    help="normalisation of images, instead of that of the layout",
  )
  parser.add_argument(
    "--stem",
    choices=tuple(STEMS),
    default="",
    help="stem of the input, instead of the one that fits its kernel",
  )
  parser.add_argument(
    "--wrapper",
    default="",
    help="key of the state dict in a PyTorch file, such as target_encoder",
  )
  parser.add_argument(
    "--part",
    default="",
    help="network in a file with several, such as encoder_q or teacher; of a"
    " run a head, such as logits, instead of the projection, or classifier: the"
    " one that a finished run keeps",
  )
  parser.add_argument(
    "--adapters",
    default="",
    help="adapters.safetensors of a run with optim.lora_rank, which started"
    " from the input: they are added to it",
  )
  parser.add_argument(
    "--size",
    type=int,
    default=0,
    help=f"height and width of the images of a {_STABLEHLO} file",
  )
  return parser


def _description(weights: Weights) -> str:
  """Returns lines about the weights and what was assumed of them."""
  model, images = weights.model, weights.images
  head = model["head"]
  lines = [
    f"Read: {model['name']}, {_form(model)}, "
    + (
      f"projection head of {head['layers']} layer(s) to {head['out']}"
      if weights.has_head
      else "no projection head"
    )
  ]
  if weights.classifier is not None:
    kind, classes = weights.classifier.kind, weights.classifier.classes
    lines.append(f"Classifier: {kind}, {len(classes)} classes")
  if weights.origin:
    names = weights.origin.get("names") or weights.origin["layout"]
    lines.append(f"Names: {names}")
  mean, std = list(images.mean), list(images.std)
  size = "of the size they come in"
  if images.resize:
    size = f"resized to {images.resize} ({images.resample}), " + (
      "whole"
      if images.crop == "whole"
      else f"centre {images.size} ({images.crop})"
    )
  if images.evaluated:
    size = f"resized to {images.evaluated}"
  lines.append(
    f"Images: {images.channels} channel(s), {size}"
    + (f", mean {mean}, std {std}" if mean else ", in [0, 1], not normalised")
  )
  if weights.kept:
    lines.append(f"Kept, as our model has no place: {_few(list(weights.kept))}")
  if weights.left_out:
    lines.append(
      f"Left out, as no part of the encoder: {_few(weights.left_out, 30)}"
    )
  return "\n".join(lines)


def _form(model: Mapping[str, Any]) -> str:
  """Returns words for what the name of a model does not say."""
  if model["name"] not in TRANSFORMERS:
    return f"width {model['width']}, stem {model['stem']}"
  vit = model["vit"]
  return (
    f"{vit['pool']} pool, {vit['registers']} registers, "
    f"{'a' if vit['layer_scale'] else 'no'} layer scale, positions of images "
    f"of {vit['image_size']} pixels (interpolated for others), epsilon "
    f"{vit['norm_epsilon']}"
  )


def _few(names: Sequence[str], limit: int = 10) -> str:
  """Returns a short list of names, with the counters of norms as a number."""
  others = [name for name in names if not name.endswith(COUNTER)]
  count = len(names) - len(others)
  counters = [f"{count} x {COUNTER}"] if count else []
  return shorten(counters + others, limit)


if __name__ == "__main__":
  sys.exit(main())
