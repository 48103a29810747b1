"""Python calls that made the instructions of a compiled program."""

import re
from collections.abc import Sequence
from typing import NamedTuple


class Frame(NamedTuple):
  """A call of the Python program that made an instruction.

  Attributes:
    file: Path of the file.
    function: Name of the function, with those around it.
    line: Number of the line.
  """

  file: str
  function: str
  line: int


class Frames:
  """The tables of a module's text that say which line made what."""

  def __init__(self, text: str) -> None:
    """Reads the tables.

    Args:
      text: Text of the module; without tables there are no frames.
    """
    self._files = _table(text, "FileNames", r'"(.*)"')
    self._functions = _table(text, "FunctionNames", r'"(.*)"')
    self._places = _table(
      text,
      "FileLocations",
      r"\{file_name_id=(\d+) function_name_id=(\d+) line=(\d+)",
    )
    self._stack = _table(
      text,
      "StackFrames",
      r"\{file_location_id=(\d+)(?: parent_frame_id=(\d+))?",
    )

  def stack(self, number: int) -> list[Frame]:
    """Returns the frames from one outwards.

    Args:
      number: Number of the frame, `stack_frame_id` of an instruction.
    """
    found = []
    while number in self._stack:
      place, parent = self._stack[number]
      file, function, line = self._places[int(place)]
      found.append(
        Frame(
          self._files[int(file)][0],
          self._functions[int(function)][0],
          int(line),
        )
      )
      # The text counts parents from 1, so that 1 is none.
      number = int(parent or 1) - 1
    return found


def _table(text: str, title: str, line: str) -> dict[int, Sequence[str]]:
  """Returns the numbered lines below a title at the beginning of a module."""
  start = re.search(rf"^{title}\n", text, re.MULTILINE)
  found: dict[int, Sequence[str]] = {}
  pattern = re.compile(rf"(\d+) {line}.*\n")
  position = start.end() if start else len(text)
  while match := pattern.match(text, position):
    number, *rest = match.groups()
    found[int(number)] = rest
    position = match.end()
  return found
