"""Tensors of a file that are no parameters of the encoder in it."""

import re
from collections.abc import Collection, Mapping

from suncet_jax.console.words import fault_list
from suncet_jax.convert.families import Shapes
from suncet_jax.convert.layouts import COUNTER
from suncet_jax.convert.recognise import Network
from suncet_jax.convert.vit_names import is_vit
from suncet_jax.convert.weights import ConvertError, Path

# Tensors that a network of these layouts may hold and our model does not:
# counters of norms that nothing reads, classifiers, and the prediction head of
# PAWS.
_CLASSIFIERS = {
  "torchvision": re.compile(r"fc\.(weight|bias)"),
  "suncet": re.compile(r"fc\.(weight|bias)|pred\..+"),
  "huggingface": re.compile(r"classifier\.1\.(weight|bias)"),
}
_CLASSIFIERS["timm"] = _CLASSIFIERS["torchvision"]
# The same of vision transformers; a masked patch is one of training alone.
_VIT_CLASSIFIERS = re.compile(
  r"head\.(weight|bias)|mask_token|classifier\.(weight|bias)"
  r"|embeddings\.mask_token|pooler\.dense\.(weight|bias)"
)
# What changes the features of a ResNet: no head, whatever it is. Outside the
# prefix only what cannot be a head's name.
_TRUNK = re.compile(
  r"((conv|bn|gn|norm|layer|att)\d*|stem|maxpool|(global_|attn|avg)?pool(ing)?"
  r"|gem|embedder|encoder|pooler)\..+"
)
_VIT_TRUNK = re.compile(
  r"(\w+_token\w*|pos_embed|patch_embed|blocks|norm|norm_pre|fc_norm|attn_pool"
  r"|embeddings|encoder|layers?|layernorm)(\..+)?"
)
_STRAY = re.compile(r"((conv|bn)\d+|layer\d+)\..+")


def sort_out(
  names: Mapping[str, tuple[Path, tuple[int, ...]]],
  network: Network,
  shapes: Shapes,
) -> tuple[list[tuple[str, str]], list[str]]:
  """Checks names and shapes, and sorts what is not of the network.

  Returns:
    Tensors to keep, by their names under the prefix and in the file, and names
    in the file of those to leave out: heads and other networks.

  Raises:
    ConvertError: If some are missing, unknown or of another shape; all of them
      are listed, up to a limit.
  """
  found = network.names
  kept, left_out, unexpected = _sorted_out(names, network, shapes)
  misshapen = [
    f"{name} {list(shapes[found[name]])} (expected {list(shape)})"
    for name, (_, shape) in names.items()
    if name in found and shapes[found[name]] != shape
  ]
  faults = fault_list(
    {
      "missing": [name for name in names if name not in found],
      "unexpected": unexpected,
      "of another shape": misshapen,
    }
  )
  if faults:
    model = network.model
    width = f" of width {model['width']}" if model["width"] > 1 else ""
    raise ConvertError(
      f"it looks like {model['name']}{width} with the names of "
      f"{network.layout}, but these tensors are not as expected:\n{faults}"
    )
  return kept, left_out


def _sorted_out(
  names: Collection[str],
  network: Network,
  shapes: Shapes,
) -> tuple[list[tuple[str, str]], list[str], list[str]]:
  """Returns the tensors to keep, to leave out, and those of no such network."""
  kept, left_out, unexpected = [], [], []
  own = {file: name for name, file in network.names.items()}
  is_others = network.layout == "suncet" and not network.is_suncets
  classifier = (
    _VIT_CLASSIFIERS
    if is_vit(network.model)
    else _CLASSIFIERS["torchvision" if is_others else network.layout]
  )
  for file in shapes:
    name = own.get(file, file)
    module, _, leaf = name.rpartition(".")
    if name in names and file in own:
      continue
    if (
      leaf == COUNTER and f"{module}.running_mean" in names
    ) or classifier.fullmatch(name):
      kept.append((name, file))
    elif _is_trunk(name, file, network, is_own=file in own):
      unexpected.append(file)
    else:
      left_out.append(file)
  return kept, left_out, unexpected


def _is_trunk(name: str, file: str, network: Network, *, is_own: bool) -> bool:
  """Returns whether a tensor without a place would change the features."""
  others = [x for x in network.others if file.startswith(x)]
  if any(len(x) > len(network.prefix) or not is_own for x in others):
    return False
  trunk = _VIT_TRUNK if is_vit(network.model) else _TRUNK
  return bool((trunk if is_own else _STRAY).fullmatch(name))
