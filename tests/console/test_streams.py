"""Streams that are closed, replaced, or of few characters."""

import io
import os
import subprocess
import sys

import pytest
import running

from suncet_jax.console import streams, terminal

_NAME = "K\u00e4fer \u866b caf\udce9 \u2500"


class _Logger:
  """What many put in the place of a stream."""

  def __init__(self):
    self.text = ""

  def write(self, text):
    self.text += text


class _Terminal(_Logger):
  """One that says that it is a terminal, which has no descriptor."""

  encoding = "utf-8"

  def isatty(self):
    return True


@pytest.mark.parametrize(
  ("encoding", "written"),
  [
    ("ascii", r"K\xe4fer \u866b caf\udce9 \u2500"),
    ("latin-1", "K\u00e4fer \\u866b caf\\udce9 \\u2500"),
    ("cp1252", "K\u00e4fer \\u866b caf\\udce9 \\u2500"),
    ("utf-8", "K\u00e4fer \u866b caf\\udce9 \u2500"),
  ],
)
def test_what_an_encoding_lacks_is_escaped(encoding, written):
  content = io.BytesIO()
  stream = io.TextIOWrapper(content, encoding=encoding)
  terminal.say(_NAME, stream)
  assert content.getvalue().decode(encoding) == f"{written}\n"


def test_a_stream_without_an_encoding_gets_all(monkeypatch):
  logger = _Logger()
  monkeypatch.setattr(sys, "stdout", logger)
  terminal.say(_NAME)
  terminal.show("plain", lambda: pytest.fail("drawn"))
  assert logger.text == f"{_NAME}\nplain\n"


def _closed():
  stream = io.StringIO()
  stream.close()
  return stream


def _without_descriptor():
  """Returns a stream whose descriptor has been closed below it."""
  end, other = os.pipe()
  stream = os.fdopen(other, "w", closefd=False)
  os.close(end)
  os.close(other)
  return stream


@pytest.mark.parametrize(
  "make", [lambda: None, _closed, _without_descriptor, object]
)
@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_lines_of_a_closed_stream_go_to_the_other(monkeypatch, make, name):
  left = io.StringIO()
  for stream in ("stdout", "stderr"):
    monkeypatch.setattr(sys, stream, make() if stream == name else left)
  terminal.say("line", getattr(sys, name))
  assert left.getvalue() == "line\n"
  assert not terminal.is_terminal(getattr(sys, name))


@pytest.mark.parametrize("made", [None, _Logger(), io.StringIO(), _Terminal()])
def test_nothing_is_drawn_and_nobody_fails(monkeypatch, made):
  monkeypatch.setenv("TERM", "xterm")
  monkeypatch.delenv("JPY_PARENT_PID", raising=False)
  for name in ("stdout", "stderr"):
    monkeypatch.setattr(sys, name, made)
  assert not terminal.is_terminal(made)
  terminal.say("line")
  streams.notice("a signal", made)
  assert getattr(made, "text", "line\n") == "line\n"


def test_a_notice_goes_where_it_can(monkeypatch, tmp_path):
  monkeypatch.setattr(sys, "stdout", None)
  with (tmp_path / "errors").open("w") as errors:
    monkeypatch.setattr(sys, "stderr", errors)
    streams.notice("K\u00e4fer", sys.stdout)
  assert (tmp_path / "errors").read_text() == "K\\xe4fer\n"


_PROGRAM = """
import os, sys
from suncet_jax.console import streams, terminal
streams.prepare()
file = open({path!r}, "w")
print("to out")
terminal.say("to err", sys.stderr)
os.write(1, b"library\\n")
os.write(2, b"library\\n")
print("K\\u00e4fer")
"""


@pytest.mark.parametrize(
  ("redirections", "output"),
  [
    (">&-", "to out\nto err\nK\\xe4fer\nlibrary\n"),
    ("2>&-", "to out\nto err\nK\\xe4fer\nlibrary\n"),
    (">&- 2>&-", ""),
    ("<&- >&- 2>&-", ""),
  ],
)
def test_a_command_without_its_descriptors(tmp_path, redirections, output):
  path = tmp_path / "file"
  program = tmp_path / "program.py"
  program.write_text(_PROGRAM.format(path=str(path)))
  found = _start(str(program), redirections)
  assert found.returncode == 0, found.stderr
  lines = (found.stdout + found.stderr).splitlines()
  assert sorted(lines) == sorted(output.splitlines())
  assert path.read_text() == ""  # no library wrote into it


def test_a_full_disk_does_not_change_the_exit_code(tmp_path):
  program = tmp_path / "program.py"
  program.write_text(
    "from suncet_jax.console import streams, terminal\n"
    "streams.prepare()\n"
    "terminal.say('line')\n"
  )
  found = _start(str(program), ">/dev/full")
  assert found.returncode == 0, found.stderr
  assert found.stderr == ""


def _start(program, redirections):
  """Runs a program with redirections of a shell."""
  return subprocess.run(
    ["sh", "-c", f'"$0" "$1" {redirections}', sys.executable, program],
    capture_output=True,
    text=True,
    check=False,
    env=os.environ
    | {"PYTHONIOENCODING": "ascii", "PYTHONPATH": str(running.ROOT)},
  )
