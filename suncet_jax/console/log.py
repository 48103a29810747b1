"""Warnings of this package, without the time and thread that absl adds."""

import logging as python_logging
from pathlib import Path

from absl import logging

_PACKAGE = str(Path(__file__).resolve().parents[1])


class _Formatter(logging.PythonFormatter):
  """Names the kind of our own messages; leaves those of libraries as they are.

  Which file of ours a message comes from helps nobody who reads it.
  """

  def format(self, record: python_logging.LogRecord) -> str:
    if not record.pathname.startswith(_PACKAGE):
      return super().format(record)
    text = python_logging.Formatter().format(record)  # with a traceback if any
    return f"{record.levelname.capitalize()}: {text}"


def use_plain_warnings() -> None:
  """Prints messages of this package as "Warning: ..." from now on."""
  logging.get_absl_handler().python_handler.setFormatter(_Formatter())
