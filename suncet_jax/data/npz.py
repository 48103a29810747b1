"""Arrays in npz files, whose damage shows as one kind of error."""

import io
import zipfile

import numpy as np


def read_npz(content: bytes) -> dict[str, np.ndarray]:
  """Returns the arrays of an npz file by name; nothing is ever unpickled.

  Args:
    content: Of the file.

  Raises:
    ValueError: If it is no intact npz file of plain arrays. The message begins
      with "it".
  """
  incomplete = "it is no npz file, or an incomplete one"
  if not zipfile.is_zipfile(io.BytesIO(content)):
    raise ValueError(incomplete)
  try:
    with np.load(io.BytesIO(content), allow_pickle=False) as file:
      return {name: file[name] for name in file.files}
  except Exception as error:  # of nearly any kind, if it is damaged
    if "allow_pickle" in str(error):
      raise ValueError(
        "it holds pickled Python objects, which are never loaded; expected "
        "plain arrays"
      ) from error
    raise ValueError(f"{incomplete} ({error})") from error
