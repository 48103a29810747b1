"""Text of people: encodings, line ends, names."""

import codecs

import pytest

from suncet_jax.files.text import decoded, encoded, lines, readable


def test_marks_decide_the_encoding():
  for mark, kind in (
    (b"", "utf-8"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
  ):
    assert decoded(mark + "Käfer\r\n".encode(kind)) == "Käfer\r\n"
  assert decoded(b"K\xe4fer") == "K\udce4fer"


def test_a_nul_byte_is_named_by_its_line():
  with pytest.raises(ValueError, match="line 3 holds a NUL"):
    decoded(b"a\rb\r\n\0")


def test_lines_of_all_systems():
  assert list(lines("a\rb\r\nc\n\u2028d")) == ["a\r", "b\r\n", "c\n", "\u2028d"]


def test_names_to_show_and_text_to_write():
  assert readable("Ka\u0308fer\udce4\n") == "K\xe4fer\\xe4\n"
  assert encoded("\udce4 \ud800 ä") == b"\\xe4 \\ud800 \xc3\xa4"
