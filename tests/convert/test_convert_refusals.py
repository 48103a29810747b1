"""What is said when PyTorch refuses to unpickle a file."""

import argparse
import datetime
import io
import pathlib
import pickle

import numpy as np
import pytest
import torch

from suncet_jax.convert import files
from suncet_jax.convert.weights import ConvertError


def _torch(content, is_new=True):
  buffer = io.BytesIO()
  torch.save(content, buffer, _use_new_zipfile_serialization=is_new)
  return buffer.getvalue()


_STATE = {"conv1.weight": torch.zeros(2, 3)}
_FILES = {
  "arguments": (
    _torch({"model": _STATE, "opt": argparse.Namespace(lr=0.1)}),
    "argparse.Namespace",
  ),
  "an old file": (
    _torch({"model": _STATE, "x": datetime.date(2020, 1, 1)}, is_new=False),
    "datetime.date",
  ),
  "a number of NumPy": (
    _torch({"model": _STATE, "best": np.float64(0.9)}),
    "multiarray.scalar",
  ),
  "a module": (_torch(torch.nn.Linear(2, 2)), "linear.Linear"),
  "a pickle": (
    pickle.dumps({"path": pathlib.PurePosixPath("x")}, protocol=2),
    "pathlib.PurePosixPath",
  ),
  "a newer pickle": (
    pickle.dumps({"opt": argparse.Namespace(lr=0.1)}, protocol=5),
    "argparse.Namespace",
  ),
}


@pytest.mark.parametrize("case", _FILES)
def test_the_object_and_what_to_do_are_said(tmp_path, case):
  content, name = _FILES[case]
  path = tmp_path / "a.pth"
  path.write_bytes(content)
  with pytest.raises(ConvertError) as error:
    files.read(path)
  message = str(error.value)
  assert message.isprintable()
  assert f"{name})" in message
  assert "nothing is ever unpickled" in message
  assert "torch.load(FILE, weights_only=False)" in message


@pytest.mark.parametrize(
  "content",
  [b"", b"abc", b"\x80\x04garbage", b"(" * 99, b"PK\x03\x04", b"\x80\x02}."],
)
def test_other_files_end_with_one_message(tmp_path, content):
  path = tmp_path / "a.pth"
  path.write_bytes(content)
  with pytest.raises(ConvertError) as error:
    files.read(path)
  assert str(error.value).isprintable()
