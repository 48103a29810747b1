"""Loads the data set of a configuration, from whichever source it names."""

from ml_collections import ConfigDict

from suncet_jax.data.arrays import digits
from suncet_jax.data.source import Dataset
from suncet_jax.errors import UserError
from suncet_jax.optional import needed_for


def load(config: ConfigDict) -> Dataset:
  """Loads the data set that `config.data` names.

  Raises:
    ValueError: If the data set is missing, cannot be downloaded, or its labels
      or files are invalid.
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
  if config.data.source == "clips":
    from suncet_jax.data.clips.load import load_clips

    return load_clips(config)
  # TensorFlow takes seconds to import, and may be absent: other sources do
  # without.
  with needed_for("data.source=tfds"):
    from suncet_jax.data.tfds.load import load_tfds

  return load_tfds(config)
