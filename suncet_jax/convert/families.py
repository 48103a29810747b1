"""Families of names by which a network is recognised, and what has them."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

Shapes = Mapping[str, tuple[int, ...]]


class Family(NamedTuple):
  """Names of one family of layouts that tell the architecture.

  Attributes:
    stem: Name of the kernel of the first convolution.
    first_block: Name of the first kernel after the stem.
    block: Function from stage and index of a block, from 0 on, to the name of
      its first kernel. A vision transformer has one stage.
    third: Name of a kernel that only bottlenecks have; empty if it is of vision
      transformers.
  """

  stem: str
  first_block: str
  block: Callable[[int, int], str]
  third: str

  @property
  def is_vit(self) -> bool:
    """Whether the names are those of vision transformers."""
    return not self.third


class Part(NamedTuple):
  """A network within a checkpoint.

  Attributes:
    family: Family of its names, one of `FAMILIES`.
    prefix: Prefix of its names, such as "module.encoder_q.".
    names: Names in the file by name in the family, heads included.
  """

  family: str
  prefix: str
  names: Mapping[str, str]

  @property
  def is_literal(self) -> bool:
    """Returns whether the file's names are the family's behind one prefix."""
    stem = FAMILIES[self.family].stem
    prefix = self.names[stem].removesuffix(stem)
    return all(name == prefix + own for own, name in self.names.items())


FAMILIES: Mapping[str, Family] = {
  "pytorch": Family(
    "conv1.weight",
    "layer1.0.conv1.weight",
    lambda stage, i: f"layer{stage + 1}.{i}.conv1.weight",
    "layer1.0.conv3.weight",
  ),
  "huggingface": Family(
    "embedder.embedder.convolution.weight",
    "encoder.stages.0.layers.0.layer.0.convolution.weight",
    lambda stage, i: (
      f"encoder.stages.{stage}.layers.{i}.layer.0.convolution.weight"
    ),
    "encoder.stages.0.layers.0.layer.2.convolution.weight",
  ),
  "vit": Family(
    "patch_embed.proj.weight",
    "blocks.0.attn.qkv.weight",
    lambda _, i: f"blocks.{i}.attn.qkv.weight",
    "",
  ),
  "vit_huggingface": Family(
    "embeddings.patch_embeddings.projection.weight",
    "encoder.layer.0.attention.attention.query.weight",
    lambda _, i: f"encoder.layer.{i}.attention.attention.query.weight",
    "",
  ),
}
