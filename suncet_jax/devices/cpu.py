"""The instructions of this host's CPU."""

import functools
import os
import re
from pathlib import Path

# Names of sets of instructions that have products of bfloat16, of XLA and of
# oneDNN, and oneDNN's names for all there are.
_ENOUGH = re.compile("BF16|FP16|AMX|AVX10|DEFAULT|ALL", re.IGNORECASE)
_CPUINFO = Path("/proc/cpuinfo")


@functools.cache
def has_bfloat16() -> bool:
  """Returns whether this CPU is known to have products of bfloat16."""
  # The user may have kept a library from newer instructions.
  limits = (
    re.search(r"xla_cpu_max_isa=(\w+)", os.environ.get("XLA_FLAGS", "")),
    re.fullmatch(r"(\w+)", os.environ.get("ONEDNN_MAX_CPU_ISA", "")),
  )
  if any(limit and not _ENOUGH.search(limit[1]) for limit in limits):
    return False
  try:
    text = _CPUINFO.read_text(encoding="ascii", errors="replace")
  except OSError:  # not Linux
    return False
  return bool(re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", text))
