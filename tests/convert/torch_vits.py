"""Vision transformers in PyTorch, with the names of published checkpoints.

Written after the papers that `suncet_jax/models/vit.py` cites; the names of
modules are those of timm. `hugging_face` gives them the names of ViTModel and
Dinov2Model in transformers.
"""

import re

import torch
from torch import nn
from torch.nn import functional

_NAMES = {
  "patch_embed.proj": "embeddings.patch_embeddings.projection",
  "cls_token": "embeddings.cls_token",
  "reg_token": "embeddings.register_tokens",
  "mask_token": "embeddings.mask_token",
  "pos_embed": "embeddings.position_embeddings",
  "norm": "layernorm",
}
_IN_LAYERS = {
  "vit": {
    "norm1": "layernorm_before",
    "norm2": "layernorm_after",
    "attn.proj": "attention.output.dense",
    "mlp.fc1": "intermediate.dense",
    "mlp.fc2": "output.dense",
  },
  "dinov2": {
    "norm1": "norm1",
    "norm2": "norm2",
    "attn.proj": "attention.output.dense",
    "mlp.fc1": "mlp.fc1",
    "mlp.fc2": "mlp.fc2",
  },
}


class VisionTransformer(nn.Module):
  """timm's names; without a class token the mean is over patches.

  `embeds_class` is whether there is a position embedding of the class token.
  """

  def __init__(
    self,
    width,
    depth,
    heads,
    patch,
    *,
    side=2,
    channels=3,
    registers=0,
    has_class=True,
    has_scale=False,
    embeds_class=True,
    epsilon=1e-6,
  ):
    super().__init__()
    self.embeds_class = embeds_class and has_class
    self.patch_embed = nn.Module()
    self.patch_embed.proj = nn.Conv2d(channels, width, patch, patch)
    tokens = side * side + self.embeds_class
    self.pos_embed = nn.Parameter(torch.zeros(1, tokens, width))
    self.cls_token = self.reg_token = None
    if has_class:
      self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
    if registers:
      self.reg_token = nn.Parameter(torch.zeros(1, registers, width))
    self.blocks = nn.Sequential(
      *(Block(width, heads, has_scale, epsilon) for _ in range(depth))
    )
    norm = nn.LayerNorm(width, epsilon)
    setattr(self, "norm" if has_class else "fc_norm", norm)

  def forward(self, images):
    x = self.patch_embed.proj(images).flatten(2).transpose(1, 2)
    positions = self.pos_embed.expand(len(x), -1, -1)
    registers = [] if self.reg_token is None else [self.reg_token]
    registers = [x.expand(len(images), -1, -1) for x in registers]
    if self.cls_token is None:
      x = torch.cat([*registers, x + positions], 1)
      start = sum(each.shape[1] for each in registers)
      return self.fc_norm(self.blocks(x)[:, start:].mean(1))
    first = self.cls_token.expand(len(x), -1, -1)
    if self.embeds_class:
      first = first + positions[:, :1]
    x = x + positions[:, self.embeds_class :]
    return self.norm(self.blocks(torch.cat([first, *registers, x], 1)))[:, 0]


class Block(nn.Module):
  def __init__(self, width, heads, has_scale, epsilon):
    super().__init__()
    self.norm1 = nn.LayerNorm(width, epsilon)
    self.attn = Attention(width, heads)
    self.norm2 = nn.LayerNorm(width, epsilon)
    self.mlp = nn.Module()
    self.mlp.fc1 = nn.Linear(width, 4 * width)
    self.mlp.fc2 = nn.Linear(4 * width, width)
    self.has_scale = has_scale
    if has_scale:
      for name in ("ls1", "ls2"):
        setattr(self, name, nn.Module())
        getattr(self, name).gamma = nn.Parameter(torch.ones(width))

  def forward(self, x):
    y = self.attn(self.norm1(x))
    x = x + (y * self.ls1.gamma if self.has_scale else y)
    y = self.mlp.fc2(functional.gelu(self.mlp.fc1(self.norm2(x))))
    return x + (y * self.ls2.gamma if self.has_scale else y)


class Attention(nn.Module):
  def __init__(self, width, heads):
    super().__init__()
    self.heads = heads
    self.qkv = nn.Linear(width, 3 * width)
    self.proj = nn.Linear(width, width)

  def forward(self, x):
    b, n, c = x.shape
    parts = self.qkv(x).reshape(b, n, 3, self.heads, c // self.heads)
    q, k, v = parts.permute(2, 0, 3, 1, 4)
    weights = (q @ k.transpose(2, 3) / (c // self.heads) ** 0.5).softmax(3)
    return self.proj((weights @ v).transpose(1, 2).reshape(b, n, c))


def hugging_face(state, kind):
  """Returns tensors of timm's names with those of Hugging Face.

  `kind` is "vit" or "dinov2".
  """
  made = {}
  for name, x in state.items():
    block = re.fullmatch(r"blocks\.(\d+)\.(.+)\.(\w+)", name)
    if not block:
      module, _, leaf = name.rpartition(".")
      made[
        _NAMES[name]
        if name in _NAMES
        else f"{_NAMES.get(module, module)}.{leaf}"
      ] = x
      continue
    layer, part, leaf = f"encoder.layer.{block[1]}", block[2], block[3]
    if part == "attn.qkv":
      for i, each in enumerate(("query", "key", "value")):
        rows = len(x) // 3
        own = x[i * rows : (i + 1) * rows]
        made[f"{layer}.attention.attention.{each}.{leaf}"] = own
    elif part in ("ls1", "ls2"):
      made[f"{layer}.layer_scale{part[-1]}.lambda1"] = x
    else:
      made[f"{layer}.{_IN_LAYERS[kind][part]}.{leaf}"] = x
  return made
