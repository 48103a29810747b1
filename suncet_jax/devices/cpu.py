"""The instructions of this host's CPU."""

import functools
import os
import re
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")


@functools.cache
def has_bfloat16() -> bool:
  """Returns whether this CPU is known to have products of bfloat16."""
  # The user may have kept XLA from newer instructions.
  told = re.search(r"xla_cpu_max_isa=(\w+)", os.environ.get("XLA_FLAGS", ""))
  if told and not re.match("AVX512_BF16|AMX", told[1], re.IGNORECASE):
    return False
  try:
    text = _CPUINFO.read_text(encoding="ascii", errors="replace")
  except OSError:  # not Linux
    return False
  return bool(re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", text))
