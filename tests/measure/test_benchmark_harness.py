"""What benchmarks share: columns in processes of their own, and files."""

from benchmarks.harness.columns import Column, measure
from benchmarks.harness.files import load_config


def test_a_column_that_fails_is_named():
  column = Column("x", "no_such_module:make", {})
  turns = measure({"x": column}, rounds=1, steps=1)
  assert turns.seconds == turns.facts == {}
  assert turns.failures == {
    "x": "ModuleNotFoundError: No module named 'no_such_module'"
  }


def test_a_configuration_takes_its_argument():
  assert load_config("digits", "epochs=7").train.epochs == 7
