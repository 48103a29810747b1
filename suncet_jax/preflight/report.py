"""Report of a preflight: checks each kind of devices, prints, writes files."""

import dataclasses
import sys
from collections.abc import Sequence

from ml_collections import ConfigDict

from suncet_jax.console import terminal
from suncet_jax.files import storage
from suncet_jax.files.formats import write_json
from suncet_jax.files.paths import expanded
from suncet_jax.files.text import encoded
from suncet_jax.preflight import compilers, shapes, targets
from suncet_jax.preflight.check import Checked, checked
from suncet_jax.preflight.content import content
from suncet_jax.preflight.fit import fit
from suncet_jax.preflight.page import preflight_page
from suncet_jax.preflight.tables import Block, blocks, comparison
from suncet_jax.preflight.wording import verdict


def report(
  config: ConfigDict,
  names: str,
  *,
  size: tuple[int, int] = (0, 0),
  price: float = 0.0,
  files_per_core: float = 0.0,
  is_fitted: bool = False,
  out: str = ".",
  command: str = "",
) -> int:
  """Compiles for each kind of devices, prints and writes what came out.

  Args:
    config: Configuration, validated.
    names: Devices, with commas between.
    size: Classes and training images of the data set; 0: as it is known.
    price: Price of a device for an hour; 0: none is given.
    files_per_core: Image files that a core decodes per second; 0: unknown.
    is_fitted: Whether to find the largest batch that fits, too.
    out: Folder of the files.
    command: Command that was given.

  Returns:
    The exit code: 1 if it does not compile or fit on some of the devices.

  Raises:
    ValueError: If a compiler is not installed, or the data set not known.
  """
  wanted = targets.parse(names)
  for target in wanted:
    compilers.check(target)
  compilers.without_devices()
  is_embedded = config.data.source == "digits" and not any(size)
  counts = None if is_embedded else shapes.counts_of(config, *size)
  found = []
  with compilers.alone(_progress):
    for target in wanted:
      one = checked(config, target, counts, _progress)
      if is_fitted:
        what = fit(config, target, counts, _progress)
        one = dataclasses.replace(one, fit=what)
      found.append(one)
      _show(found[-1], price, files_per_core)
  if len(found) > 1:
    _say_block(comparison(found, price))
  folder = expanded(out)
  folder.mkdir(parents=True, exist_ok=True)
  write_json(folder / "preflight.json", content(found, command, price))
  page = preflight_page(found, command, price, files_per_core)
  storage.write(folder / "preflight.html", encoded(page))
  terminal.say(f"\nwritten: {folder / 'preflight.json'} and .html")
  return int(any(each.failure or not _fits(each) for each in found))


def _fits(found: Checked) -> bool:
  return all(each.memory.fits for each in found.readings)


def _progress(line: str) -> None:
  terminal.say(line, sys.stderr)


def _show(found: Checked, price: float, files_per_core: float) -> None:
  terminal.say(f"\n{verdict(found)}")
  if not found.failure:
    for block in blocks(found, price, files_per_core):
      _say_block(block)


def _say_block(block: Block) -> None:
  terminal.say("")
  terminal.show(
    plain(block),
    lambda: terminal.table(block.columns, block.rows, title=block.title),
  )


def plain(block: Block) -> str:
  """Returns a table as lines of text.

  Args:
    block: Table with its title.
  """
  lines = [block.columns, *block.rows] if any(block.columns) else block.rows
  widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
  return "\n".join([f"{block.title}:", *(_line(row, widths) for row in lines)])


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
  first, *rest = zip(row, widths, strict=True)
  cells = [first[0].ljust(first[1])]
  # Words are to the left, numbers to the right.
  cells += [
    text.rjust(width) if _is_number(text) else text.ljust(width)
    for text, width in rest
  ]
  return ("  " + "  ".join(cells)).rstrip()


def _is_number(text: str) -> bool:
  return text[:1].isdigit() or not text
