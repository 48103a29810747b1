"""Page of a preflight, made of the parts of reports."""

from collections.abc import Sequence

from suncet_jax.preflight import compilers
from suncet_jax.preflight.check import Checked
from suncet_jax.preflight.tables import Block, blocks, comparison
from suncet_jax.preflight.wording import scaled, verdict
from suncet_jax.report.page import (
  Code,
  Column,
  Paragraph,
  Part,
  Section,
  Table,
  Tiles,
  page,
)

_WORDS = (
  "Compiled by XLA's own compilers on a machine without these devices. Nothing "
  "was run: memory and counts are facts of the compiled program, times are "
  "estimates, and each table says whose."
)


def preflight_page(
  found: Sequence[Checked], command: str, price: float, files_per_core: float
) -> str:
  """Returns the page as an HTML document.

  Args:
    found: What came out, for each kind of devices.
    command: Command that was given.
    price: Price of a device for an hour; 0: none was given.
    files_per_core: Image files that a core decodes per second; 0: unknown.
  """
  sections = [_section(each, price, files_per_core) for each in found]
  if len(found) > 1:
    sections.insert(0, Section("Compared", [_table(comparison(found, price))]))
  versions = ", ".join(f"{k} {v}" for k, v in compilers.versions().items())
  about = Section("How it was made", [Code(command), Paragraph(versions)])
  return page("Preflight", [Paragraph(_WORDS, is_soft=True), *sections, about])


def _section(checked: Checked, price: float, files_per_core: float) -> Section:
  title = f"{checked.target.name}: {checked.target.chip.title}"
  parts: list[Part] = [Paragraph(verdict(checked))]
  if not checked.failure:
    parts.append(_tiles(checked))
    for block in blocks(checked, price, files_per_core):
      parts += [Paragraph(block.title, is_soft=True), _table(block)]
  return Section(title, parts)


def _tiles(checked: Checked) -> Tiles:
  reading = checked.readings[0]
  return Tiles(
    [
      (f"{scaled(reading.memory.total)}B", "memory per device"),
      (f"{1e3 * reading.seconds:.1f} ms", f"a step ({reading.model})"),
      (f"{100 * reading.share_of_peak:.1f} %", "of the bfloat16 peak"),
      (f"{checked.hours:,.3g} h", "the whole run"),
    ]
  )


def _table(block: Block) -> Table:
  numbers = [
    all(text[:1].isdigit() or not text for text in column)
    for column in zip(*block.rows, strict=True)
  ]
  columns = [
    Column(title, is_number=is_number)
    for title, is_number in zip(block.columns, numbers, strict=True)
  ]
  return Table(columns, block.rows)
