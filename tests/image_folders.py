"""Small folders and lists of image files."""

import os

import image_files

from suncet_jax.config import base

FILE = image_files.encode(image_files.photograph(30, 40))


def write(folder, *names):
  """Writes an image for each name, which may be bytes."""
  for name in names:
    path = os.path.join(os.fsencode(folder), os.fsencode(name))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
      file.write(FILE)


def config(train, test):
  """Returns a configuration of two folders or lists."""
  made = base()
  made.data.source = "folder"
  made.data.train, made.data.test = os.fspath(train), os.fspath(test)
  made.data.resize = made.data.centre_crop = 16
  return made


def listed(folder, train, test="path,label\nt.png,ant\n"):
  """Returns the configuration of two CSV files, of text or bytes.

  The folder holds t.png for the test, and 0.png to 5.png.
  """
  write(folder, "t.png", *(f"{i}.png" for i in range(6)))
  for name, content in (("train.csv", train), ("test.csv", test)):
    if isinstance(content, str):
      content = content.encode()
    (folder / name).write_bytes(content)
  return config(folder / "train.csv", folder / "test.csv")
