"""CSV lists as programs and people leave them: read, or refused by line."""

import codecs

import image_folders as folders
import pytest

from suncet_jax.data.load import load

_ROWS = "path,label,remark\n0.png,ant,\n1.png,bee,x\n2.png,ant,\n"


def _labels(folder, content):
  return load(folders.listed(folder, content)).train.labels.tolist()


@pytest.mark.parametrize(
  "content",
  [
    _ROWS.encode(),
    _ROWS.replace("\n", "\r\n").encode(),
    _ROWS.replace("\n", "\r").encode(),
    _ROWS.replace("\n", "\r\r\n").encode(),
    _ROWS.replace("x\n", "x\r").encode(),
    _ROWS.rstrip("\n").encode(),
    codecs.BOM_UTF8 + _ROWS.encode(),
    codecs.BOM_UTF16_LE + _ROWS.encode("utf-16-le"),
    codecs.BOM_UTF16_BE + _ROWS.encode("utf-16-be"),
    _ROWS.replace("bee", '"bee"').replace("\n", " \t\n").encode(),
    _ROWS.replace("bee,x", '"bee","two\r\nlines "').encode(),
    _ROWS.replace("bee,x", 'bee,5" wide').encode(),
    _ROWS.replace("bee,x", "bee,na\xefve").encode("latin-1"),
    (_ROWS + "\n  \n\n").encode(),
  ],
)
def test_what_programs_write_is_read(tmp_path, content):
  assert _labels(tmp_path, content) == [0, 1, 0]


@pytest.mark.parametrize(
  ("content", "message"),
  [
    ('path,label\n0.png,"ant\n1.png,bee\n', r"train.csv', line 2: .*quotation"),
    ('path,label\n0.png,ant\n"1.png,bee\n2.png,ant', "line 3: .*quotation"),
    ('path,label\n0.png,"ant\n1.png,"bee"\n', "line 2: .*quotation"),
    ('path,label\n0.png,"ant\n1.png,bee"\n', "line 2: .*'ant.n1.png,bee' goes"),
    ('path,label\n0.png,"ant"s\n', "line 2: .*quotation"),
    ('path,label,x\n0.png,ant,"\n1.png,bee,\n', "line 2: .*quotation"),
    ("path,label\n0.png,an\rt\n", "line 3: 1 fields, expected 2"),
    ("path,label\n0.png,ant\n1.png\n", "line 3: 1 fields, expected 2"),
    ("path,label\r0.png,ant\r1.png,bee,\r", "line 3: 3 fields, expected 2"),
    ("path,label\r\n0.png,a\0nt\r\n", r"train.csv' .*line 2 holds a NUL byte"),
    ("path,label\n" + "x" * 200_000 + ",ant\n", "line 2: .*field limit"),
    ("path,label\n" + "x" * 5000 + ",ant\n", r"line 2: 'x{99}\.\.\.\. Paths"),
    ("path;label\n0.png;ant\n", r"begins with \['path;label'\], .*comma"),
    (
      "path,label\n0.png,K\xe4fer\n".encode("latin-1"),
      r"line 2: .*K.*xe4.*UTF",
    ),
    (
      "path,label\n0.png,ant\nK\xe4fer.png,ant\n".encode("latin-1"),
      r"1 of 2 files do not exist: line 3: 'K.*xe4fer.png'.*save it in UTF-8",
    ),
    (codecs.BOM_UTF16_LE + b"p", "cannot be read .*UTF-8"),
    ("path,label\n0.png,ant\n".encode("utf-16-le"), "line 1 holds a NUL"),
    ("path,label\n0.png," + "x" * 501 + "\n", "line 2: .*500 characters"),
    ("path,label\n0.png,ant\n1.png,\u200b\n", "line 3: .*u200b.*be seen"),
    ("path,label,label\n0.png,ant,bee\n", "each once"),
    ("", r"begins with \[\]"),
  ],
)
def test_what_cannot_be_read_is_named_by_its_line(tmp_path, content, message):
  config = folders.listed(tmp_path, content)
  with pytest.raises(ValueError, match=message):
    load(config)


def test_nothing_of_a_list_is_lost_to_a_quotation_mark(tmp_path):
  """Every row that is accepted is there."""
  text = 'path,label,x\n0.png,ant,"one\n1.png,bee,"two"\n2.png,ant,\n'
  with pytest.raises(ValueError, match="line 2"):
    _labels(tmp_path, text)
  assert _labels(tmp_path, text.replace('"one', '"one"')) == [0, 1, 0]
