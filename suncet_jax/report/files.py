"""Files that are there in full or not at all."""

import os
from pathlib import Path


def write_atomically(path: Path, data: bytes) -> None:
  """Writes a file so that a reader never sees half of it.

  Args:
    path: where to write; its folder is made if needed, an existing file is
      replaced.
    data: the whole content.
  """
  path.parent.mkdir(parents=True, exist_ok=True)
  temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
  try:
    temporary.write_bytes(data)
    temporary.replace(path)
  finally:
    temporary.unlink(missing_ok=True)
