"""The data folder of TFDS; imports neither TFDS nor TensorFlow."""

import os

from suncet_jax.errors import UserError
from suncet_jax.files.paths import expanded

_VARIABLE, _DEFAULT = "TFDS_DATA_DIR", "~/tensorflow_datasets"


def data_folder(given: str | None) -> str | None:
  """Returns the folder to give to TFDS; None: it takes its default.

  Args:
    given: Folder that the user has set, if any.

  Raises:
    UserError: If it begins with ~ and the home folder is not known, where TFDS
      would make a folder named ~.
  """
  chosen = given or os.environ.get(_VARIABLE) or ""
  try:
    path = os.fspath(expanded(chosen or _DEFAULT))
  except UserError as error:
    raise UserError(
      f"The data folder of TFDS: {error} It is set by --config.data.data_dir, "
      f"--data_dir of suncet_jax.prepare, or ${_VARIABLE}."
    ) from error
  return path if given or chosen.startswith("~") else None
