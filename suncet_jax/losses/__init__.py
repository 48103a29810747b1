"""Losses and diagnostics: pure functions that need only JAX.

    from suncet_jax import losses

    loss = losses.ntxent(view_1, view_2) + losses.suncet(labelled, labels)

Every loss is one scalar, and the same under `jax.jit`, inside `jax.shard_map`
and inside `jax.pmap` (`axis_name=`). Rows of embeddings are L2-normalised,
unless `normalize=False` asks for them as they are; of logits and probabilities
nothing is. Axis letters: n anchors, m keys (= n x
devices), d embedding, c classes.

`ntxent`, `suncet` and `supcon` share these options:

- `temperature`: Divisor of the cosine similarities, a scalar > 0.
- `axis_name`: Name of the mapped axis inside `jax.shard_map` or `jax.pmap`, or
  a tuple of names; keys then come from all its devices. None elsewhere.
- `stop_gradient_keys`: Whether the gradient flows through anchors only. By
  default it is exact, through anchors and keys.
- `block_size`: Rows in a block. Blocks give the same value with memory that
  grows with n, not with n squared. 0: one matrix of all similarities, without
  blocks. None: blocks from 2,048 keys on.
- `matmul_dtype`: Dtype that the operands of products are cast to. Sums are
  always float32 (float64 for float64 embeddings). None: no cast and full
  precision. `jnp.float32`: the hardware's default for float32, which may be
  less precise (TF32 or bfloat16 passes). `jnp.bfloat16`: rounded operands,
  whose products are fast on accelerators.

Labels that are known are compared exactly, however large. Inside `jax.jit` they
are what JAX makes of them before: without its 64-bit mode NumPy's int64 is cut
to 32 bits there, so larger ones are to be numbered first (`np.unique`).

Outside of `jax.jit` value and gradient are compiled on the first call with new
shapes, as under it. Options other than `temperature` are static: under
`jax.jit` close over them or name them in `static_argnames`.

Gradients: under `jax.jit`, also with sharded arrays, they need no further step.
Inside `jax.shard_map` and `jax.pmap` take `jax.lax.pmean` of the gradients of
the parameters, never `psum`. Without blocks, derivatives of any order exist;
with blocks only the first, forward or backward, with respect to embeddings and
temperature.
"""

from suncet_jax.losses.audiovisual import (
  audiovisual_attention,
  audiovisual_local,
  audiovisual_synchrony,
)
from suncet_jax.losses.comatch import comatch_consistency, comatch_graph
from suncet_jax.losses.cross_entropy import cross_entropy
from suncet_jax.losses.diagnostics import (
  alignment,
  contrastive_accuracy,
  uniformity,
)
from suncet_jax.losses.fixmatch import fixmatch
from suncet_jax.losses.mil_nce import mil_nce
from suncet_jax.losses.ntxent import ntxent
from suncet_jax.losses.paws import PawsTerms, paws, paws_terms
from suncet_jax.losses.suncet import suncet
from suncet_jax.losses.supcon import supcon
from suncet_jax.losses.swav import sinkhorn, swav

__all__ = [
  "PawsTerms",
  "alignment",
  "audiovisual_attention",
  "audiovisual_local",
  "audiovisual_synchrony",
  "comatch_consistency",
  "comatch_graph",
  "contrastive_accuracy",
  "cross_entropy",
  "fixmatch",
  "mil_nce",
  "ntxent",
  "paws",
  "paws_terms",
  "sinkhorn",
  "suncet",
  "supcon",
  "swav",
  "uniformity",
]
