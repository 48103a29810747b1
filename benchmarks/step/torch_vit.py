"""The vision transformer of `suncet_jax.models` in PyTorch, as timm has it."""

import torch
import torch.nn.functional as F
from torch import nn

from suncet_jax.architectures import Transformer


class VisionTransformer(nn.Module):
  """Patches, a class token, pre-norm blocks; its features are the token."""

  def __init__(
    self, architecture: Transformer, channels: int, size: int
  ) -> None:
    """Draws parameters.

    Args:
      architecture: Patch, width, depth and heads.
      channels: Channels of the images.
      size: Height and width of the images, in pixels.
    """
    super().__init__()
    patch, width, depth, heads = architecture
    self.patches = nn.Conv2d(channels, width, patch, patch)
    self.token = nn.Parameter(torch.zeros(1, 1, width))
    tokens = (size // patch) ** 2 + 1
    self.positions = nn.Parameter(0.02 * torch.randn(1, tokens, width))
    self.blocks = nn.Sequential(*(_Block(width, heads) for _ in range(depth)))
    self.norm = nn.LayerNorm(width, 1e-6)

  def forward(self, images: torch.Tensor) -> torch.Tensor:
    """Maps [b, c, h, w] to [b, width]."""
    x = self.patches(images).flatten(2).transpose(1, 2)
    x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.positions
    return self.norm(self.blocks(x)[:, 0])


class _Block(nn.Module):
  def __init__(self, width: int, heads: int) -> None:
    super().__init__()
    self.heads = heads
    self.norm1 = nn.LayerNorm(width, 1e-6)
    self.qkv = nn.Linear(width, 3 * width)
    self.out = nn.Linear(width, width)
    self.norm2 = nn.LayerNorm(width, 1e-6)
    self.mlp = nn.Sequential(
      nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
    )

  def forward(self, x: torch.Tensor) -> torch.Tensor:
    b, n, c = x.shape
    parts = self.qkv(self.norm1(x)).reshape(b, n, 3, self.heads, -1)
    query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
    y = F.scaled_dot_product_attention(query, key, value)
    x = x + self.out(y.transpose(1, 2).reshape(b, n, c))
    return x + self.mlp(self.norm2(x))
