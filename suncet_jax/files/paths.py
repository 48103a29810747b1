"""Paths as users write them, with ~ and ~user for home folders."""

import os

from etils import epath

from suncet_jax.errors import UserError


def expanded(path: epath.PathLike) -> epath.Path:
  """Returns a path with ~ or ~user at its beginning replaced.

  Every path of a flag, of a configuration or of a caller in Python comes
  through here, some of them twice. A name that begins with ~ is written ./~.

  Args:
    path: Path, local or in a bucket.

  Raises:
    UserError: If the home folder is not known. A folder named ~ would be made
      otherwise.
  """
  text = os.fspath(path)
  if text.startswith("~"):
    return epath.Path(_at_home(text))
  if os.path.normpath(text).startswith("~"):
    return epath.Path(os.path.abspath(text))  # epath would drop the ./
  return epath.Path(text)


def _at_home(text: str) -> str:
  full = os.path.expanduser(text)
  user = text.split("/")[0]
  if user == "~" and os.environ.get("HOME") == "":
    reason = "$HOME is empty"
  elif full != text:
    return full
  elif user == "~":
    reason = f"$HOME is not set, and user {os.getuid()} has no home folder here"
  else:
    reason = f"there is no user {user[1:]}"
  raise UserError(
    f"The path {text!r} begins with {user}, but {reason}. Give the whole path; "
    f"of something of that name, ./{text}."
  )
