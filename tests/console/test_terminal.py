"""What is shown at a terminal, seen through a real one, and piped lines."""

import contextlib
import fcntl
import io
import logging
import os
import re
import struct
import subprocess
import sys
import termios
import textwrap
import time

import absl.logging
import pyte
import pytest
import running
from absl import flags

from suncet_jax.console import progress, terminal
from suncet_jax.console.waiting import Waiting
from suncet_jax.plugins import method_spec
from suncet_jax.train import monitor
from suncet_jax.train.display import Display
from suncet_jax.train.result import show_accuracies

_ROWS, _COLUMNS = 30, 100
_METRICS = {"loss": 4.5, "ntxent": 3.25, "suncet": 1.25, "learning_rate": 0.1}
_ROW = {"step": 3, "epoch": 0.5, "images_per_second": 1234.5, **_METRICS}


class _Terminal:
  """A pseudo-terminal: what was written to it, and what that looks like."""

  def __init__(self):
    self.master, slave = os.openpty()
    size = struct.pack("HHHH", _ROWS, _COLUMNS, 0, 0)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
    self.stream = os.fdopen(slave, "w")
    self.written = b""
    self._screen = pyte.Screen(_COLUMNS, _ROWS)
    self._emulator = pyte.ByteStream(self._screen)

  def narrow(self, columns):
    """Makes it narrower; before anything is written."""
    self._screen.resize(columns=columns)

  @contextlib.contextmanager
  def attached(self):
    """Has standard output and standard error at this terminal."""
    # Pytest has its own until a test begins: a fixture would be too early.
    descriptor = os.dup(self.stream.fileno())
    with (
      os.fdopen(descriptor, "w", buffering=1) as out,
      contextlib.redirect_stdout(out),
      contextlib.redirect_stderr(self.stream),
    ):
      yield

  def read(self):
    """Takes what has been written so far."""
    os.set_blocking(self.master, False)
    with contextlib.suppress(BlockingIOError, OSError):
      while new := os.read(self.master, 65536):
        self.written += new
        self._emulator.feed(new)

  def lines(self):
    """Returns the lines on the screen, without empty ones."""
    self.read()
    lines = (line.rstrip() for line in self._screen.display)
    return [line for line in lines if line]

  def has_cursor(self):
    """Whether the cursor can be seen."""
    self.read()
    return not self._screen.cursor.hidden

  def below(self):
    """Returns the text from the cursor's line on."""
    self.read()
    return "".join(self._screen.display[self._screen.cursor.y :]).strip()


@pytest.fixture
def screen(monkeypatch):
  """A terminal of 100 columns."""
  for name in ("NO_COLOR", "COLUMNS", "JPY_PARENT_PID"):
    monkeypatch.delenv(name, raising=False)
  monkeypatch.setenv("TERM", "xterm-256color")
  made = _Terminal()
  yield made
  with contextlib.suppress(OSError):
    made.stream.close()
  with contextlib.suppress(OSError):
    os.close(made.master)


@contextlib.contextmanager
def _piped():
  """Gives (standard output, standard error) that are no terminal."""
  out, err = io.StringIO(), io.StringIO()
  with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
    yield out, err


class _Clock:
  """A clock that stands still until it is set."""

  def __init__(self):
    self.now = 0.0

  def monotonic(self):
    return self.now


def _train(folder, monkeypatch):
  """What a loop does in two logged steps, at 10 and 20 minutes."""
  clock = _Clock()
  monkeypatch.setattr(monitor, "time", clock)
  made = monitor.Monitor(
    folder,
    resume_step=0,
    total_steps=400,
    seconds=0.0,
    began=0.0,
    tensorboard=False,
    series=method_spec("suncet").series,
  )
  clock.now = 2.25
  with made.after_first_step():
    pass
  clock.now = 600.0
  made.log(100, 1.0, 5_000, _METRICS)
  made.waited(300.0)
  clock.now = 1200.0
  made.log(200, 2.04, 6_005_000, _METRICS | {"val_knn_top1": 0.625})
  made.close()


def test_a_pipe_gets_the_plain_lines(tmp_path, monkeypatch):
  with _piped() as (out, err):
    _train(tmp_path, monkeypatch)
  assert out.getvalue() == "First step after 2.2 s\n"
  assert err.getvalue() == (
    "step 100/400  epoch 1.0  left 30:11"
    "  loss 4.500  ntxent 3.250  suncet 1.250  lr 0.1\n"
    "step 200/400  epoch 2.0  10,000 img/s  left 20:03  wait 50%"
    "  loss 4.500  ntxent 3.250  suncet 1.250  lr 0.1  knn 62.5%\n"
  )


def test_a_line_shows_the_methods_own_classifier():
  measured = {"val_knn_top1": 0.5, "val_classifier_top1": 0.75}
  with _piped() as (_, err):
    Display(4).show(_ROW | measured, left=60)
  assert err.getvalue().endswith("  knn 50.0%  classifier 75.0%\n")


def test_what_the_classifier_reached_stays_above_the_bar(screen):
  with _bar(screen) as display:
    display.show(_ROW | {"val_classifier_top1": 0.75}, left=60)
  assert any(
    line.startswith("step 3/4") and line.endswith("classifier 75.0%")
    for line in screen.lines()
  )


def test_a_terminal_gets_a_bar(screen, tmp_path, monkeypatch):
  with screen.attached():
    _train(tmp_path, monkeypatch)
  first, record, bar, facts = screen.lines()
  assert first == "First step after 2.2 s"
  assert record == "step 200/400  epoch 2.0  loss 4.500  knn 62.5%"
  assert re.fullmatch(
    r"━+[╸╺]━+  50%  step 200/400  epoch 2.0  left 0:20:03", bar
  )
  assert facts == (
    "10,000 img/s  wait 50%  loss 4.500  ntxent 3.250  suncet 1.250  knn 62.5%"
  )
  assert screen.below() == ""  # what comes next is below


@contextlib.contextmanager
def _bar(screen):
  """Gives what shows the progress of a run at a terminal."""
  with screen.attached():
    display = Display(4)
    display.show(_ROW | {"val_knn_top1": 0.5}, left=60)
    yield display
    display.close()


def test_the_first_step_is_awaited(screen):
  with screen.attached():
    display = Display(4)
    before = screen.below()
    assert re.fullmatch(r"compiling the first step \.\.\. \d+ s", before)
    deadline = time.monotonic() + 60
    while screen.below() == before:
      assert time.monotonic() < deadline
      time.sleep(0.05)
    display.started(1)
    print("First step after 1.1 s")
    display.show(_ROW, left=60)
    display.close()
  assert not any("compiling" in line for line in screen.lines())


def test_nothing_stays_of_a_first_step_that_never_came(screen):
  with screen.attached():
    display = Display(4)
    print("SIGINT received: stopped.")
    display.close()
    print("afterwards")
  assert screen.lines() == ["SIGINT received: stopped.", "afterwards"]


def test_a_pipe_sees_now_and_then_that_it_waits():
  with _piped() as (out, err):
    waiting = Waiting("compiling", every_seconds=0.01)
    deadline = time.monotonic() + 60
    while err.getvalue().count("\n") < 2:
      assert time.monotonic() < deadline
      time.sleep(0.01)
    waiting.end()
  assert re.fullmatch(r"(compiling \.\.\. \d+ s\n){2,}", err.getvalue())
  assert not out.getvalue()


@pytest.fixture
def absl_handler(screen, monkeypatch):
  """Absl's handler, which has kept the stream that was there when it began."""
  handler = absl.logging.get_absl_handler()
  monkeypatch.setattr(handler.python_handler, "stream", screen.stream)
  was_parsed = flags.FLAGS.is_parsed()
  flags.FLAGS.mark_as_parsed()  # before, it takes whatever stream there is
  yield handler
  if not was_parsed:
    flags.FLAGS.unparse_flags()


def test_what_others_print_is_whole(screen, absl_handler):
  record = logging.LogRecord("", logging.ERROR, "", 1, "two\nlines", (), None)
  with _bar(screen) as display:
    print("a.py:1: UserWarning: careful\n  x = 1", file=sys.stderr)
    absl_handler.handle(record)
    print("from Python, [red]no markup")
    display.show(_ROW, left=60)
    os.write(screen.stream.fileno(), b"from a library\n")
    display.show(_ROW | {"val_knn_top1": 0.625}, left=60)
    lines = screen.lines()
    display.close()
    print("afterwards")
    absl_handler.handle(record)
    after = screen.lines()
  assert lines[0].endswith("knn 50.0%")
  assert lines[1:3] == ["a.py:1: UserWarning: careful", "  x = 1"]
  assert lines[3].endswith("] two")
  assert lines[4:6] == ["lines", "from Python, [red]no markup"]
  assert lines[6] == "from a library"
  # The record, the bar and the metrics, once.
  assert ["knn 62.5%" in line for line in lines[7:]] == [True, False, True]
  assert after[:-3] == lines
  assert after[-3] == "afterwards"
  assert after[-2].endswith("] two")
  assert after[-1] == "lines"


def test_a_library_that_covers_the_bar_does_so_briefly(screen):
  with _bar(screen) as display:
    os.write(screen.stream.fileno(), b"one\ntwo\nthree\n")
    deadline = time.monotonic() + 60
    while sum("step 3/4" in line for line in screen.lines()) < 2:
      assert time.monotonic() < deadline
      time.sleep(0.05)
    display.close()
  _, first, *_, bar, metrics = screen.lines()
  assert first == "one"
  assert "━" in bar
  assert "step 3/4" in bar
  assert metrics.startswith("1,234 img/s")


def test_a_narrow_terminal(screen, monkeypatch):
  monkeypatch.setenv("COLUMNS", "40")
  screen.narrow(40)
  with _bar(screen) as display:
    for knn in (0.25, 0.125):
      display.show(_ROW | {"val_knn_top1": knn}, left=60)
  lines = screen.lines()
  assert [line for line in lines if line.startswith("step 3/4")] == [
    "step 3/4  epoch 0.5  loss 4.500  knn",
  ] * 3
  (bar,) = [line for line in lines if "left 0:01:00" in line]
  assert "75%  step 3/4" in bar
  assert sum("img/s" in line for line in lines) == 1


def test_drawing_is_rare(screen):
  with _bar(screen) as display:
    screen.read()
    before = len(screen.written)
    for _ in range(50):
      display.show(_ROW, left=60)
    screen.read()
    drawn = screen.written[before:].count(b"step 3/4")
  assert drawn <= 1 + 50 // 4  # rather none, but the machine may be slow


def test_the_cursor_can_be_seen(screen):
  with _bar(screen):
    assert screen.has_cursor()
  assert screen.has_cursor()
  assert b"\x1b[?1049" not in screen.written  # no other screen


def test_no_color(screen, monkeypatch):
  monkeypatch.setenv("NO_COLOR", "1")
  with _bar(screen):
    assert any("step 3/4" in line for line in screen.lines())
  assert not re.search(rb"\x1b\[[\d;]*[39]\d[\d;]*m", screen.written)


@pytest.mark.parametrize(
  ("name", "value"), [("TERM", "dumb"), ("TERM", ""), ("JPY_PARENT_PID", "1")]
)
def test_terminals_that_cannot_draw_get_lines(screen, monkeypatch, name, value):
  monkeypatch.setenv(name, value)
  with _bar(screen):
    show_accuracies({"knn_top1": 0.5})
  assert "test accuracy, top 1" in screen.lines()
  assert b"\x1b" not in screen.written


def test_a_terminal_that_is_gone_ends_nothing(screen):
  with _bar(screen) as display:
    os.close(screen.master)
    with pytest.raises(OSError):
      os.write(screen.stream.fileno(), b"really gone")
    display.show(_ROW | {"val_knn_top1": 0.5}, left=60)
    terminal.say("nobody reads this")
    # What the streams still hold would fail when they are closed.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
      os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def test_an_output_elsewhere_stays_there(screen):
  out = io.StringIO()
  with _bar(screen), contextlib.redirect_stdout(out):
    terminal.say("First")
    show_accuracies({"knn_top1": 0.5})
  assert out.getvalue() == (
    "First\ntest accuracy, top 1\n  kNN                         50.0%\n"
  )
  assert not any("First" in line for line in screen.lines())


@pytest.mark.parametrize(("class_count", "is_shown"), [(5, False), (6, True)])
def test_top_5_of_five_classes_says_nothing(class_count, is_shown):
  with _piped() as (out, _):
    show_accuracies({"knn_top1": 0.5, "finetune_top5": 1.0}, class_count)
  assert ("top 5" in out.getvalue()) == is_shown


def test_tables_are_drawn_at_a_terminal(screen):
  with screen.attached():
    show_accuracies({"knn_top1": 0.5, "finetune_top5": 1.0, "seconds": 3})
  assert screen.lines() == [
    "test accuracy, top 1",
    "╭───────────────────┬────────╮",
    "│ kNN               │  50.0% │",
    "│ fine-tuned, top 5 │ 100.0% │",
    "╰───────────────────┴────────╯",
  ]


def test_names_are_no_markup(screen):
  with screen.attached():
    terminal.show(
      "",
      lambda: terminal.table(("class", "train"), [("[red]ant", "1,000")]),
    )
  assert "│ [red]ant │ 1,000 │" in screen.lines()


@pytest.mark.parametrize("size", ["0", "-3", "5", "many", "", "1e3"])
def test_a_size_that_no_terminal_has_is_none(screen, monkeypatch, size):
  for name in ("COLUMNS", "LINES"):
    monkeypatch.setenv(name, size)
  rows = [("a name longer than forty columns, but not eighty", "1,000")]
  with screen.attached():
    terminal.show("", lambda: terminal.table(("class", "train"), rows))
    with progress.Counter("train", 2_000, "images") as counter:
      counter.add(500)
  *_, row, _, bar = screen.lines()
  assert row == f"│ {rows[0][0]} │ 1,000 │"
  assert re.search(r"━ +25%  train  500 of 2,000 images", bar)


def test_a_narrow_table_keeps_its_numbers(monkeypatch):
  monkeypatch.setenv("COLUMNS", "20")
  monkeypatch.setenv("NO_COLOR", "1")
  titles = ("measure", "SimCLR ends at", "share of images", "ends not below")
  row = ("linear probe on all labels", "50.5", "0.1, 0.2, 0.3", "3 of 3")
  text = terminal.rendered(terminal.table(titles, [row]))
  for cell in row[1:]:
    assert f" {cell} │" in text
  for word in " ".join((*titles, row[0])).split():
    assert word in text


def test_a_table_of_nothing(monkeypatch):
  assert terminal.rendered(terminal.table(("", ""), []))


def test_counting_at_a_terminal_and_in_a_pipe(screen):
  with (
    screen.attached(),
    progress.Counter("train", 2_000, "images") as counter,
  ):
    counter.add(500)
  (line,) = screen.lines()
  assert re.search(r"━ +25%  train  500 of 2,000 images  left 0:00:0\d$", line)
  with _piped() as (_, err):
    with progress.Counter("train", 2_000, "images") as counter:
      counter.add(500)
    assert err.getvalue() == ""  # it took no half minute
    with progress.Counter("train", 2_000, "images", every_seconds=0) as counter:
      counter.add(1_000)
  assert re.fullmatch(
    r"train: 50%  1,000 of 2,000 images  left 0:00:0\d\n", err.getvalue()
  )


_CHILD = """
import fcntl, os, signal, sys, termios, time
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from suncet_jax.train.display import Display
from suncet_jax.train.result import show_accuracies
{imports}
display = Display(1000)
row = {{"step": 1, "epoch": 0.1, "val_knn_top1": 0.5}}
{body}
"""


def _in_terminal(screen, body, imports=""):
  """Starts a program at the terminal, which is its own."""
  return subprocess.Popen(
    [sys.executable, "-c", _CHILD.format(imports=imports, body=body)],
    stdin=screen.stream,
    stdout=screen.stream,
    stderr=screen.stream,
    start_new_session=True,
    cwd=running.ROOT,
  )


def test_kill_leaves_the_terminal_as_it_was(screen):
  before = termios.tcgetattr(screen.stream)
  body = "display.show(row, 60); os.kill(os.getpid(), signal.SIGKILL)"
  assert _in_terminal(screen, body).wait(60) == -9
  assert any("step 1/1000" in line for line in screen.lines())
  assert termios.tcgetattr(screen.stream) == before
  assert screen.has_cursor()


@pytest.mark.parametrize(
  ("end", "code"),
  [
    ("raise RuntimeError('broken')", 1),
    ("raise KeyboardInterrupt", -2),
    ("os.kill(os.getpid(), signal.SIGTERM)", -15),
    ("sys.exit(3)", 3),
  ],
)
def test_the_cursor_can_be_seen_after_any_end(screen, end, code):
  body = f"display.show(row, 60); {end}"
  assert _in_terminal(screen, body).wait(60) == code
  assert screen.has_cursor()
  lines = screen.lines()
  assert any("step 1/1000" in line for line in lines)
  assert ("RuntimeError: broken" in lines) == ("broken" in end)


def test_ctrl_c_is_told_and_the_bar_ends(screen):
  body = textwrap.dedent("""
    with StopRequest() as stop:
      print("ready", flush=True)
      while not stop.signal:
        time.sleep(0.1)
        display.show(row, 60)
    display.close()
    print("Saved", flush=True)
    sys.exit(130)
  """)
  process = _in_terminal(
    screen, body, "from suncet_jax.train.stop import StopRequest"
  )
  for _ in range(600):
    if any("ready" in line for line in screen.lines()):
      break
    with contextlib.suppress(subprocess.TimeoutExpired):
      process.wait(0.1)
  os.write(screen.master, b"\x03")  # as the keyboard does
  assert process.wait(60) == 130
  lines = screen.lines()
  assert lines[-1] == "Saved"
  assert "step 1/1000" in lines[-3]
  assert any("SIGINT received" in line for line in lines)
  assert screen.has_cursor()


def test_a_reader_that_leaves_ends_nothing():
  code = textwrap.dedent("""
    import sys
    from suncet_jax.console import terminal
    terminal.say("first")
    sys.stdin.readline()
    terminal.say("second")
    print("third", flush=True)
    terminal.say("the end", sys.stderr)
  """)
  process = subprocess.Popen(
    [sys.executable, "-c", code],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    cwd=running.ROOT,
  )
  assert process.stdout.readline() == "first\n"
  process.stdout.close()  # as head does
  process.stdin.write("\n")
  process.stdin.close()
  assert process.stderr.read() == "the end\n"
  assert process.wait(60) == 0
