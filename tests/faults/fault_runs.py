"""Runs to be disturbed: short ones of the digits demo, and their folders."""

import csv
import json
import os
import re
import shutil
import signal

import running

LAST_STEP = 27  # of three epochs

_TIMES = {"seconds", "images_per_second", "input_wait_share"}


# Every second step is printed, every third saved; no report, which takes as
# long as the training.
FLAGS = (
  *running.SMALL,
  "--config.checkpoint.keep=5",
  "--config.log.report=False",
)


def start(workdir, cache, *more, devices=1, optimized=False):
  """Starts the run in `workdir`, or goes on with it."""
  return running.start(
    "suncet_jax.main",
    *FLAGS,
    *more,
    f"--workdir={workdir}",
    cache=cache,
    devices=devices,
    optimized=optimized or devices > 1,
  )


def start_two(workdir, cache, *more):
  """The same with two processes of one device each."""
  port = running.free_port()
  return [
    start(
      workdir,
      cache,
      *more,
      f"--coordinator=127.0.0.1:{port}",
      "--process_count=2",
      f"--process_id={number}",
      optimized=True,
    )
    for number in range(2)
  ]


def output_of(process, code=0, timeout=240):
  """Waits for a process, checks its exit code and returns the rest it said."""
  output, _ = process.communicate(timeout=timeout)
  assert process.returncode == code, output
  return output


def outputs_of(processes, code=0):
  """The same of several."""
  return [output_of(process, code) for process in processes]


def run(workdir, cache, *more, code=0, **settings):
  """Runs to the end; returns the output."""
  return output_of(start(workdir, cache, *more, **settings), code)


def freeze(*processes):
  """Stops processes until `thaw`, so that a test is never too slow for them."""
  for process in processes:
    process.send_signal(signal.SIGSTOP)


def thaw(*processes):
  """Lets processes go on."""
  for process in processes:
    process.send_signal(signal.SIGCONT)


def result(workdir):
  """Returns what result.json says."""
  return json.loads((workdir / "result.json").read_text())


def history(workdir):
  """Returns the rows of metrics.csv without the columns that tell the time."""
  with (workdir / "metrics.csv").open() as file:
    return [
      {name: value for name, value in row.items() if name not in _TIMES}
      for row in csv.DictReader(file)
    ]


def assert_same_run(workdir, other):
  """Checks that two runs ended alike, bit for bit, and left no debris."""
  ours, theirs = result(workdir), result(other)
  assert ours["step"] == theirs["step"]
  assert ours["params_digest"] == theirs["params_digest"]
  assert ours["metrics"] == theirs["metrics"]
  assert history(workdir) == history(other)
  partial = re.compile(r"\.part$|orbax-checkpoint-tmp")
  assert [name for name in files(workdir) if partial.search(name)] == []


def files(workdir):
  """Returns the content of every file in a folder by its name."""
  return {
    os.path.relpath(path, workdir): path.read_bytes()
    for path in sorted(workdir.rglob("*"))
    if path.is_file()
  }


def steps(workdir):
  """Returns the steps of the checkpoints, ascending."""
  names = [path.name for path in (workdir / "checkpoints").iterdir()]
  return sorted(int(name) for name in names if name.isdigit())


def copy_unfinished(workdir, copy, last_step=LAST_STEP):
  """Copies a finished run as if it had ended at a checkpoint."""
  shutil.copytree(workdir, copy)
  (copy / "result.json").unlink()
  (copy / "evaluations.json").unlink()
  for step in steps(copy):
    if step > last_step:
      shutil.rmtree(copy / "checkpoints" / str(step))
  return copy


def largest_file(folder):
  """Returns the largest file below a folder: array data in a checkpoint."""
  found = [path for path in folder.rglob("*") if path.is_file()]
  return max(found, key=lambda path: path.stat().st_size)


def flip_a_bit(file):
  """Flips one bit in the middle of a file."""
  data = bytearray(file.read_bytes())
  data[len(data) // 2] ^= 1
  file.write_bytes(data)
