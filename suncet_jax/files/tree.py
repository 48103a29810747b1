"""Files in a folder and in its sub-folders, on disk or in a bucket."""

import os
from collections.abc import Hashable
from typing import NamedTuple

from etils import epath

from suncet_jax.files.identity import identity
from suncet_jax.files.paths import expanded
from suncet_jax.files.storage import in_bucket, one_kind_of_error

# What systems and storage devices put beside images, often with thumbnails or
# copies of them; in lower case.
_OF_SYSTEMS = frozenset(
  {
    "@eadir",  # Synology
    "@recycle",  # QNAP
    "@recently-snapshot",
    "#recycle",
    "#snapshot",
    "__macosx",
    "lost+found",
    "$recycle.bin",
    "recycler",
    "system volume information",
  }
)


class Tree(NamedTuple):
  """The files below a folder; paths are relative to it, with "/" within.

  Attributes:
    files: Files, sorted.
    left_out: Hidden files, and hidden folders and those of systems, which end
      in "/".
    again: Folders that were found before by another path, with that path.
  """

  files: list[str]
  left_out: list[str]
  again: list[tuple[str, str]]


def tree_of(folder: epath.PathLike) -> Tree:
  """Returns all files in a folder and its sub-folders.

  Hidden files and folders, whose names begin with a dot, and folders of systems
  such as `@eaDir` and `lost+found` are left out. Links to folders are followed,
  once to each folder.

  Raises:
    OSError: If a folder cannot be read.
  """
  tree = Tree([], [], [])
  walk = _walk_bucket if in_bucket(folder) else _walk_disk
  with one_kind_of_error():
    walk(tree, os.fspath(folder))
  for names in tree:
    names.sort()
  return tree


def folders_in(folder: epath.PathLike) -> list[str]:
  """Returns the names of the folders in a folder, but those left out of trees.

  Raises:
    OSError: If the folder cannot be read.
  """
  with one_kind_of_error():
    if in_bucket(folder):
      names = _listing(os.fspath(folder))
      names = [name[:-1] for name in names if name.endswith("/")]
    else:
      entries = expanded(folder).iterdir()
      names = [entry.name for entry in entries if entry.is_dir()]
  return [name for name in names if not _is_left_out(name)]


def _is_left_out(name: str) -> bool:
  return name.startswith(".") or name.lower() in _OF_SYSTEMS


def _walk_disk(tree: Tree, folder: str) -> None:
  def fail(error: OSError) -> None:
    raise error

  seen: dict[Hashable, str] = {}
  for root, folders, files in os.walk(folder, onerror=fail, followlinks=True):
    within = os.path.relpath(root, folder)
    prefix = "" if within == "." else within + "/"
    first = seen.setdefault(identity(root), prefix)
    if first != prefix:
      folders.clear()
      if not prefix.startswith(first):  # a link to a folder above is a loop
        tree.again.append((prefix[:-1], first[:-1]))
      continue
    # What is found first does not depend on the order on the disk.
    folders.sort()
    tree.left_out.extend(
      [prefix + name + "/" for name in folders if _is_left_out(name)]
      + [prefix + name for name in files if _is_left_out(name)]
    )
    folders[:] = [name for name in folders if not _is_left_out(name)]
    tree.files.extend(prefix + name for name in files if not _is_left_out(name))


def _walk_bucket(tree: Tree, folder: str, prefix: str = "") -> None:
  """Finds the files of a bucket, with one listing per folder."""
  # epath would make a request for every file, to see if it is a folder.
  for name in _listing(f"{folder}/{prefix}"):
    if _is_left_out(name.rstrip("/")):
      tree.left_out.append(prefix + name)
    elif name.endswith("/"):
      _walk_bucket(tree, folder, prefix + name)
    else:
      tree.files.append(prefix + name)


def _listing(folder: str) -> list[str]:
  """Returns the names in a folder of a bucket; folders end in "/"."""
  import tensorflow as tf  # takes seconds to import, but epath has it already

  return tf.io.gfile.listdir(folder)
