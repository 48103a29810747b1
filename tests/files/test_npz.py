"""npz files: whatever is damaged in them, there is one kind of error."""

import io

import numpy as np
import pytest

from suncet_jax.files.formats import read_npz

_ARRAYS = {"a": np.arange(300, dtype=np.float32), "b": np.array(["x", "yz"])}


def _file(save):
  buffer = io.BytesIO()
  save(buffer, **_ARRAYS)
  return buffer.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_flipped_byte_is_an_error_or_changes_nothing(save):
  content = _file(save)
  found = 0
  for place in range(len(content)):
    damaged = bytearray(content)
    damaged[place] ^= 0x55
    try:
      arrays = read_npz(bytes(damaged))
    except ValueError:
      found += 1
      continue
    for name in arrays.keys() & _ARRAYS.keys():  # such as a member's date
      np.testing.assert_array_equal(arrays[name], _ARRAYS[name])
  assert found > len(content) / 2


def test_a_cut_file_is_an_error():
  content = _file(np.savez)
  assert read_npz(content).keys() == _ARRAYS.keys()
  for size in range(0, len(content), 7):
    with pytest.raises(ValueError, match="no npz file, or an incomplete one"):
      read_npz(content[:size])


def test_objects_are_not_unpickled():
  buffer = io.BytesIO()
  np.savez(buffer, a=np.array([{}], dtype=object))
  with pytest.raises(ValueError, match="pickled Python objects"):
    read_npz(buffer.getvalue())
