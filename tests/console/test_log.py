"""Warnings as they are printed: ours plain, those of libraries as absl's."""

import logging as python_logging
import re

import pytest
import running
from absl import logging

from suncet_jax.console.log import use_plain_warnings


@pytest.fixture
def printed(capsys):
  """Returns a function: what absl's handler has printed."""
  handler = logging.get_absl_handler().python_handler
  before = handler.formatter
  use_plain_warnings()
  yield lambda: capsys.readouterr().err
  handler.setFormatter(before)


def _log(level, path, text):
  record = python_logging.LogRecord("absl", level, path, 7, text, (), None)
  logging.get_absl_handler().python_handler.emit(record)


def test_our_warnings_have_no_time_and_no_thread(printed):
  ours = f"{running.ROOT}/suncet_jax/data/folder/listing.py"
  _log(python_logging.WARNING, ours, "two images are bad")
  _log(python_logging.ERROR, ours, "no more events")
  lines = printed().splitlines()[-2:]  # absl has a first line, now and then
  assert lines == ["Warning: two images are bad", "Error: no more events"]


def test_those_of_libraries_keep_them(printed):
  _log(python_logging.WARNING, "/lib/orbax/manager.py", "odd")
  assert re.fullmatch(
    r"W\d{4} .* manager\.py:7\] odd", printed().splitlines()[-1]
  )
