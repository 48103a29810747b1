"""Whether products of bfloat16 are fast on this CPU."""

import pytest

from suncet_jax.devices import cpu


@pytest.mark.parametrize(
  ("flags", "cpuinfo", "expected"),
  [
    ("", "flags : fpu avx512f avx512_bf16 wbnoinvd", True),
    ("", "flags : fpu amx_bf16 amx_tile", True),
    ("", "Features : fp asimd bf16 i8mm", True),
    ("", "flags : fpu avx2 avx512f avx512_vnni", False),
    ("--xla_cpu_max_isa=AVX2", "flags : avx512_bf16", False),
    ("--xla_a=1 --xla_cpu_max_isa=avx512", "flags : avx512_bf16", False),
    ("--xla_cpu_max_isa=AMX_FP16", "flags : avx512_bf16", True),
    ("", None, False),  # not Linux
  ],
)
def test_has_bfloat16(monkeypatch, tmp_path, flags, cpuinfo, expected):
  monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
  file = tmp_path / "cpuinfo"
  if cpuinfo is not None:
    file.write_text(cpuinfo)
  monkeypatch.setenv("XLA_FLAGS", flags)
  monkeypatch.setattr(cpu, "_CPUINFO", file)
  assert cpu.has_bfloat16.__wrapped__() is expected


@pytest.mark.parametrize(
  ("limit", "expected"),
  [
    ("AVX2", False),
    ("AVX512_CORE_VNNI", False),
    ("AVX512_CORE_BF16", True),
    ("avx512_core_amx", True),
    ("ALL", True),
    ("", True),
  ],
)
def test_limit_of_onednn(monkeypatch, tmp_path, limit, expected):
  file = tmp_path / "cpuinfo"
  file.write_text("flags : avx512_bf16")
  monkeypatch.delenv("XLA_FLAGS", raising=False)
  monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", limit)
  monkeypatch.setattr(cpu, "_CPUINFO", file)
  assert cpu.has_bfloat16.__wrapped__() is expected
