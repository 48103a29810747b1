"""The examples of the documents give what they say."""

import doctest
import pathlib

import pytest

_DOCS = pathlib.Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("page", ["losses.md"])
def test_examples(page):
  outcome = doctest.testfile(str(_DOCS / page), module_relative=False)
  assert outcome.attempted > 0
  assert outcome.failed == 0
