"""Opens data sets: from `config.data` to a `Dataset`, the only door."""

from ml_collections import ConfigDict

from suncet_jax.data.arrays import digits
from suncet_jax.data.source import Dataset
from suncet_jax.errors import UserError


def load(config: ConfigDict) -> Dataset:
  """Loads the data set that `config.data` names.

  Raises:
    ValueError: If it is not there, cannot be downloaded, or its labels or
      files do not make sense.
  """
  if config.data.source == "digits":
    return digits()
  if config.data.source == "folder":
    from suncet_jax.data.folder.load import load_folder

    return load_folder(config)
  if config.data.source == "arrays":
    raise UserError(
      "data.source is 'arrays': images in memory come from Python, "
      "suncet_jax.train.run.run(config, workdir, dataset=...)."
    )
  # TensorFlow takes seconds to import: only who needs it pays.
  from suncet_jax.data.tfds.load import load_tfds

  return load_tfds(config)
