"""Class folders of images, and a configuration that reads them."""

import image_files

from suncet_jax.config import base

FILE = image_files.encode(image_files.photograph(30, 40))


def write(folder, *names, content=FILE):
  """Writes the same image to each name below a folder."""
  for name in names:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def configured(train, test, unlabelled=""):
  """Returns the configuration of a data set of folders or CSV files."""
  config = base()
  config.data.source = "folder"
  config.data.train, config.data.test = str(train), str(test)
  config.data.unlabelled = str(unlabelled)
  config.data.resize = config.data.centre_crop = 16
  return config
