"""Text of people: lists that they wrote, and names of their files and classes.

Python keeps bytes of a file's name that are not UTF-8 as surrogates, which open
the file but cannot be written anywhere. And a letter with an accent has two
forms, one character (NFC) or two (NFD), which look alike.
"""

import codecs
import io
import re
import unicodedata
from collections.abc import Iterator

from suncet_jax.errors import UserError

_UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_MARK = "\ufeff"
_SURROGATE = re.compile("[\udc80-\udcff]")  # a byte that is not UTF-8


def decoded(content: bytes) -> str:
  """Returns the text of a file in UTF-8, or in UTF-16 with its mark.

  Bytes that are not UTF-8 become surrogates, as in the names of files.

  Args:
    content: Content of the file.

  Raises:
    ValueError: If it holds a NUL byte, or is no UTF-16 in spite of its mark.
  """
  if content.startswith(_UTF16_MARKS):
    text = content.decode("utf-16")
  else:
    text = content.decode("utf-8", "surrogateescape")
  text = text.lstrip(_MARK)  # there may be two, of two programs
  before, nul, _ = text.partition("\0")
  if nul:
    number = sum(1 for _ in lines(before + "x"))
    raise UserError(f"line {number} holds a NUL byte, as no text does")
  return text


def lines(text: str) -> Iterator[str]:
  r"""Yields lines with their ends: "\n", "\r\n", or "\r" of old systems."""
  yield from io.StringIO(text, newline="")


def is_utf8(text: str) -> bool:
  """Returns whether a text has no byte that is not UTF-8."""
  return text.isascii() or not _SURROGATE.search(text)


def composed(name: str) -> str:
  """Returns a name in the form that names are compared in, NFC."""
  return name if name.isascii() else unicodedata.normalize("NFC", name)


def readable(name: str) -> str:
  r"""Returns a name to show, compare and write: NFC, odd bytes as `\xe4`."""
  return _SURROGATE.sub(_backslash, composed(name))


def encoded(text: str) -> bytes:
  """Returns a text in UTF-8, with backslashes for what UTF-8 does not have."""
  # A path within the text may be no UTF-8.
  return _SURROGATE.sub(_backslash, text).encode("utf-8", "backslashreplace")


def _backslash(found: re.Match) -> str:
  return f"\\x{ord(found[0]) - 0xDC00:02x}"
