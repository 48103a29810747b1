"""Versions of PyTorch and of the oneDNN inside it, for the header."""

import re

import torch

from benchmarks.harness.workers import Done


def make() -> Done:
  """Returns the job whose fact is `version`."""
  onednn = re.search(r"MKL-DNN (v[\d.]+)", torch.__config__.show())
  return Done(
    {
      "version": f"torch {torch.__version__} with oneDNN"
      f" {onednn[1] if onednn else 'of unknown version'},"
      f" {torch.get_num_threads()} threads"
    }
  )
