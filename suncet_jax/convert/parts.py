"""Parts of a checkpoint that are networks, whatever the names around them.

Checkpoints of self-supervised methods hold a backbone amid heads, momentum
copies and queues. A part is a prefix under which the names of a ResNet or a
vision transformer begin.
"""

import re
from collections.abc import Iterable, Mapping

from suncet_jax.console.words import shorten
from suncet_jax.convert.families import FAMILIES, Part, Shapes
from suncet_jax.convert.weights import ConvertError, TensorFile

# Modules that torch.compile, FSDP and DataParallel put around others, which
# change nothing but the names. Before a network they are a prefix like any.
_AROUND = re.compile(
  r"(?:(?<=\.)|^)(?:_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)"
  r"\.|(?:(?<=\d\.)|(?<=downsample\.))module\."
)
# A block in a stage that nn.Sequential numbers.
_NUMBERED_BLOCK = re.compile(r"((?:.*\.)?)(\d+)\.0\.conv1\.weight")
_SHORTCUT = re.compile(r"(layer\d+\.\d+)\.shortcut\.(.+)")
_TRANSFORMER = re.compile(r"patch_embed|cls_token|attn\.qkv|attention\.query")
_MANY = 12  # tensors that are named by their prefix


def choose(shapes: Shapes, part: str) -> tuple[Part, list[str]]:
  """Returns the part that is meant, and the prefixes of the others.

  Args:
    shapes: Shapes by name.
    part: Prefix of the part, or components of it that no other has; "." for the
      part without a prefix; empty if there is one only.

  Raises:
    ConvertError: If there is no network, or it is not clear which is meant.
  """
  found = find(shapes)
  if not found:
    raise ConvertError(_unknown(shapes))
  named = _named(found, part)
  prefixes = " and ".join(repr(x.prefix) for x in found)
  if not named:
    raise ConvertError(
      f"it has no network {part!r} (--part); there are the prefixes {prefixes}."
    )
  if len(named) > 1:
    raise ConvertError(
      f"it holds several networks, with the prefixes {prefixes}; expected one: "
      f"choose with --part, such as --part={_short_name(found)}."
    )
  return named[0], [x.prefix for x in found if x is not named[0]]


def find(shapes: Shapes) -> list[Part]:
  """Returns all networks whose names begin like those of a known one."""
  names: dict[str, str] = {}
  for name in shapes:
    bare = _AROUND.sub("", name)
    names[name if bare in names else bare] = name
  found = []
  for family, spec in FAMILIES.items():
    for name in names:
      prefix = name.removesuffix(spec.stem)
      if (
        name.endswith(spec.stem)
        and (not prefix or prefix.endswith("."))
        and prefix + spec.first_block in names
      ):
        found.append(Part(family, prefix, _standard(_under(prefix, names))))
  return found + _sequential(names, shapes)


def unwrapped(file: TensorFile, part: str) -> tuple[TensorFile, list[str], str]:
  """Returns the dict of a file that holds the part which is meant.

  Args:
    file: Content of a file; without dicts it is returned as it is.
    part: Part, as `choose` takes it.

  Returns:
    The file as if that dict were all of it, short names of what is left out,
    and the part in there.
  """
  if not file.dicts:
    return file, [], part
  prefix = choose({k: x.shape for k, x in file.tensors.items()}, part)[0].prefix
  around = [x for x in file.dicts if prefix.startswith(f"{x}.")]
  inner = max(around, key=len, default="")
  start = f"{inner}." if inner else ""
  tensors = {
    name.removeprefix(start): x
    for name, x in file.tensors.items()
    if name.startswith(start)
  }
  beside = [name for name in file.tensors if not name.startswith(start)]
  wrapper = ".".join(filter(None, (file.wrapper, inner)))
  return (
    TensorFile(tensors, file.metadata, wrapper),
    grouped(beside, [start]),
    prefix.removeprefix(start) or ".",
  )


def grouped(names: Iterable[str], taken: Iterable[str]) -> list[str]:
  """Returns short names for tensors that are left out.

  Args:
    names: Names of the tensors.
    taken: Names of the tensors that are not left out.

  Returns:
    The names; many under one prefix, which no taken one has, as that prefix
    with their number.
  """
  prefixes = {
    ".".join(parts[:i])
    for parts in (name.split(".") for name in taken)
    for i in range(1, len(parts))
  }
  groups: dict[str, list[str]] = {}
  for name in names:
    parts = name.split(".")
    depth = 1
    while ".".join(parts[:depth]) in prefixes and depth < len(parts):
      depth += 1
    groups.setdefault(".".join(parts[:depth]), []).append(name)
  described: list[str] = []
  for prefix, members in groups.items():
    if len(members) > _MANY:
      described.append(f"{prefix}.* ({len(members)} tensors)")
    else:
      described += members
  return described


def _named(found: list[Part], part: str) -> list[Part]:
  """Returns the parts that are named; all, if none is said.

  A prefix counts before an end of one, and that before a middle.
  """
  if not part:
    return found
  asked = f".{part.strip('.')}." if part.strip(".") else "."
  dotted = [(x, f".{x.prefix}") for x in found]
  tiers = (
    [x for x, prefix in dotted if prefix == asked],
    [x for x, prefix in dotted if prefix.endswith(asked) and asked != "."],
    [x for x, prefix in dotted if asked in prefix and asked != "."],
  )
  return next(filter(None, tiers), [])


def _short_name(found: list[Part]) -> str:
  """Returns the component of some prefix that no other one has."""
  for part in found:
    others = {x for y in found if y is not part for x in y.prefix.split(".")}
    for component in part.prefix.split("."):
      if component and component not in others:
        return component
  return found[0].prefix.rstrip(".") or "."


def _under(prefix: str, names: Mapping[str, str]) -> dict[str, str]:
  return {
    name.removeprefix(prefix): original
    for name, original in names.items()
    if name.startswith(prefix)
  }


def _standard(names: Mapping[str, str]) -> dict[str, str]:
  """Returns torchvision's names where a shortcut with a norm has another."""
  made = {}
  for name, original in names.items():
    match = _SHORTCUT.fullmatch(name)
    if match and f"{match[1]}.shortcut.1.weight" in names:
      name = f"{match[1]}.downsample.{match[2]}"
    made[name] = original
  return made


def _sequential(names: Mapping[str, str], shapes: Shapes) -> list[Part]:
  """Returns the networks whose stem and stages nn.Sequential numbers.

  `nn.Sequential(*list(resnet.children())[:-1])` is a usual backbone. Modules
  without tensors are numbered too, so that only the order tells which is which.
  """
  stages: dict[str, set[int]] = {}
  for name in names:
    if match := _NUMBERED_BLOCK.fullmatch(name):
      stages.setdefault(match[1], set()).add(int(match[2]))
  found = []
  for prefix, numbers in stages.items():
    under = _under(prefix, names)
    before = {
      int(number)
      for number in (name.split(".")[0] for name in under)
      if number.isdecimal() and int(number) <= max(numbers)
    } - numbers
    stem = sorted(before)
    if (
      len(stem) != 2
      or stem[1] > min(numbers)
      or len(shapes.get(under.get(f"{stem[0]}.weight", ""), ())) != 4
    ):
      continue
    renamed = {stem[0]: "conv1", stem[1]: "bn1"} | {
      number: f"layer{i + 1}" for i, number in enumerate(sorted(numbers))
    }
    standard = {}
    for name, original in under.items():
      number, _, rest = name.partition(".")
      if number.isdecimal() and int(number) in renamed:
        name = f"{renamed[int(number)]}.{rest}"
      standard[name] = original
    found.append(Part("pytorch", prefix, _standard(standard)))
  return found


def _unknown(shapes: Shapes) -> str:
  transformer = next(filter(_TRANSFORMER.search, shapes), "")
  if transformer:
    return (
      f"it is a transformer ({transformer}) whose names are not those of timm,"
      " facebookresearch's DeiT, DINO and DINOv2 (patch_embed.proj.weight with"
      " blocks.0.attn.qkv.weight) or Hugging Face's ViTModel and Dinov2Model."
    )
  return (
    "it is of no layout that is known: there is neither conv1.weight with "
    "layer1.0.conv1.weight (torchvision, timm, facebookresearch/suncet, "
    f"PAWS) nor {FAMILIES['huggingface'].stem} (Hugging Face). It holds "
    f"{shorten(list(shapes), 3) or 'nothing'}."
  )
