"""Runs benchmarks as a user would, and reads the tables that they print."""

import os
import subprocess
import sys

from running import ROOT


def output(module, *flags, optimized=True):
  """Returns what `python -m module flags` prints."""
  environment = dict(os.environ)
  if not optimized:  # for those that compile more than they compute
    environment["JAX_DISABLE_MOST_OPTIMIZATIONS"] = "1"
  result = subprocess.run(
    [sys.executable, "-m", module, *flags],
    cwd=ROOT,
    env=environment,
    capture_output=True,
    text=True,
    check=True,
  )
  return result.stdout


def unwrapped(text):
  """Returns a text without its line breaks, which pages have elsewhere."""
  return " ".join(text.split())


def cells(text):
  """Returns the cells of every line of every table."""
  return [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in text.splitlines()
    if line.startswith("|")
  ]


def tables(text):
  """Returns each table as {title: cell} of its only row."""
  lines = cells(text)
  return [
    dict(zip(head, row, strict=True))
    for head, row in zip(lines[::3], lines[2::3], strict=True)
  ]
