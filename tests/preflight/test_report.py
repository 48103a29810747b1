"""What is printed and written of a preflight."""

import dataclasses
import json
import math

import jax
import programs_text
import pytest
import tiny

from suncet_jax.preflight import compilers, report, targets
from suncet_jax.preflight.check import Checked
from suncet_jax.preflight.compiling import (
  CompileError,
  advice,
  compiled,
  reason,
)
from suncet_jax.preflight.content import content
from suncet_jax.preflight.estimate import Segment
from suncet_jax.preflight.fit import Fit, Option
from suncet_jax.preflight.page import preflight_page
from suncet_jax.preflight.reading import read
from suncet_jax.preflight.report import plain
from suncet_jax.preflight.tables import blocks, comparison
from suncet_jax.preflight.wording import scaled, verdict


class _Program:
  """A compiled program, of which only the text is known."""

  def as_text(self):
    return programs_text.TPU

  def cost_analysis(self):
    return {"flops": 3e9, "bytes accessed": 819e6}

  def memory_analysis(self):
    return self

  temp_size_in_bytes = 5_000_000_000
  argument_size_in_bytes = 1_000_000
  output_size_in_bytes = 900_000
  alias_size_in_bytes = 900_000
  generated_code_size_in_bytes = 70_000


@pytest.fixture
def checked():
  target = targets.one("v5e:2x2")
  rows = jax.ShapeDtypeStruct((1000, 225), "float32")
  reading = read(_Program(), target, {"batch": rows}, gradients=rows)
  segment = Segment("100 epochs", 1000, 16_000, 7200.0, reading.model)
  options = [Option("train.remat=True", 2e9, 0.1)]
  options.append(
    Option("train.micro_batches=2", math.inf, math.inf, "no memory")
  )
  return Checked(
    target,
    readings=[reading],
    segments=[segment],
    images_per_second=[1000.0],
    files_per_host=1200.0,
    rows=32,
    batch_size=64,
    fit=Fit(128, True, options),
  )


def test_memory_adds_up_to_what_the_compiler_says(checked):
  memory = checked.readings[0].memory
  assert memory.total == 5_000_000_000 + 1_000_000 + 70_000
  assert memory.kinds["padding of arguments"] == 100_000
  assert memory.kinds["gradients"] == 900_000
  assert memory.fits


def test_every_figure_says_whose_it_is(checked):
  text = "\n".join(plain(each) for each in blocks(checked, 2.0, 100.0))
  for words in (
    "Memory of a device of 16 GB (XLA's buffer assignment)",
    "Time of a step (XLA's cycle model; collectives ours, from bytes",
    "Work of a step and device (counted by XLA)",
    "1,200 images per second must come from each host, 12.0 cores of yours",
    "Largest data.batch_size that fits: 128 (configured: 64)",
  ):
    assert words in text
  # 2 hours of 4 chips, at 2 each.
  assert "16.00" in text
  assert "suncet_jax/models/blocks.py:48" in text
  assert "no memory" in text


def test_the_verdict_tells_what_fits_and_what_fails(checked):
  assert "fits, 5 GB of 16 GB per device with 32 rows each" in verdict(checked)
  failed = Checked(targets.one("v5e:2x2"), "Ran out of memory")
  assert "does not compile. Ran out of memory" in verdict(failed)


def test_the_file_holds_plain_values(checked):
  failed = Checked(targets.one("h100x8"), "no")
  found = content([checked, failed], "the command", 2.0)
  text = json.dumps(found, allow_nan=False)
  first, second = json.loads(text)["devices"]
  assert first["cost"] == 16.0
  assert first["steps"][0]["seconds"]["parts_by"] == "XLA's cycle model"
  assert first["steps"][0]["memory"]["fits"]
  assert first["fit"]["options"][1] == {
    "title": "train.micro_batches=2",
    "compiles": False,
    "reason": "no memory",
  }
  assert (second["compiles"], second["reason"]) == (False, "no")


def test_the_page_holds_all_tables(checked):
  page = preflight_page([checked], "python -m suncet_jax.preflight", 0.0, 0.0)
  for words in ("v5e:2x2: TPU v5e", "augmentation", "blocks.py:48", "Nothing"):
    assert words in page


def test_several_kinds_of_devices_are_compared(checked):
  failed = Checked(targets.one("h100x8"), "no")
  table = comparison([checked, failed], 2.0)
  assert [row[0] for row in table.rows] == ["v5e:2x2", "h100x8"]
  assert table.rows[0][-1] == "16.00"
  assert table.rows[1][1] == "does not compile"
  page = preflight_page([checked, failed], "command", 2.0, 0.0)
  assert "does not compile" in page
  assert "Compared" in page


def test_numbers_have_prefixes():
  assert [scaled(x) for x in (0, 12, 5.04e9, 1e12)] == [
    "0 ",
    "12 ",
    "5.04 G",
    "1 T",
  ]


class _Refused:
  """A program that the compiler refuses."""

  def compile(self):
    raise jax.errors.JaxRuntimeError(
      "RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm. Used 23.1G "
      "of 15.75G hbm. Exceeded hbm by 7.4G.\n\nTotal hbm usage >= 23.4G:"
    )


def test_a_refusal_has_the_compilers_reason_and_the_setting_to_change():
  with pytest.raises(CompileError) as caught:
    compiled(_Refused(), "v5e:2x2", print)
  assert str(caught.value).startswith("v5e:2x2: RESOURCE_EXHAUSTED: Ran out")
  assert "Total" not in str(caught.value)
  assert "train.micro_batches" in advice(str(caught.value))
  assert "train.micro_batches" not in advice("INTERNAL: something else")


def test_other_errors_of_the_compiler_thread_are_raised_as_they_are():
  class Broken:
    def compile(self):
      raise KeyError("defect")

  with pytest.raises(KeyError, match="defect"):
    compiled(Broken(), "v5e:2x2", print)


def test_a_reason_is_short():
  long = "\n".join(f"line {n}" for n in range(50))
  assert len(reason(long).splitlines()) == 6


@pytest.fixture
def without_compilers(monkeypatch, checked, tmp_path):
  monkeypatch.setattr(report.compilers, "check", lambda target: None)
  monkeypatch.setattr(report.compilers, "without_devices", lambda: None)
  monkeypatch.setattr(compilers.tempfile, "gettempdir", lambda: str(tmp_path))

  def made(config, target, counts, say):
    if target.chip.platform == targets.CUDA:
      return Checked(target, "Ran out of memory")
    return dataclasses.replace(checked, target=target)

  monkeypatch.setattr(report, "checked", made)


def _report(names, out):
  config, _ = tiny.settings()
  config.data.source = "digits"
  return report.report(config, names, out=str(out), command="the command")


def test_all_is_printed_and_written(without_compilers, tmp_path, capsys):
  assert _report("v5e:2x2", tmp_path / "new") == 0
  printed = capsys.readouterr().out
  assert "v5e:2x2 (4 devices, 1 host): fits, 5 GB of 16 GB" in printed
  assert "Dearest operations (XLA's cycle model):" in printed
  written = json.loads((tmp_path / "new" / "preflight.json").read_text())
  assert written["command"] == "the command"
  assert "TPU v5e" in (tmp_path / "new" / "preflight.html").read_text()


def test_one_that_does_not_compile_is_exit_code_1(
  without_compilers, tmp_path, capsys
):
  assert _report("v5e:2x2,h100x8", tmp_path) == 1
  printed = capsys.readouterr().out
  assert "h100x8 (8 devices, 1 host): does not compile" in printed
  assert "Compared" in printed
