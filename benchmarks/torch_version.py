"""Prints the version of PyTorch and of the oneDNN inside it, for the header."""

import re

import torch

onednn = re.search(r"MKL-DNN (v[\d.]+)", torch.__config__.show())
print(
  f"torch {torch.__version__} with oneDNN"
  f" {onednn[1] if onednn else 'of unknown version'},"
  f" {torch.get_num_threads()} threads"
)
