"""The typed argument behind the colon of --config."""

import pytest

from suncet_jax.config import parse_arg


def test_values_take_the_types_of_their_defaults():
  parsed = parse_arg(
    "epochs=5, rate=2,fast=true,method=simclr",
    epochs=100,
    rate=0.5,
    fast=False,
    method="suncet",
  )
  assert parsed.to_dict() == {
    "epochs": 5,
    "rate": 2.0,
    "fast": True,
    "method": "simclr",
  }
  assert isinstance(parsed.rate, float)


@pytest.mark.parametrize("arg", ["", None])
def test_no_argument_gives_the_defaults(arg):
  assert parse_arg(arg, epochs=100).epochs == 100


@pytest.mark.parametrize(
  ("arg", "part"),
  [
    ("epoch=5", "'epoch' is unknown"),
    ("epochs=5,epochs=6", "'epochs' is given twice"),
    ("epochs", "not of the form name=value"),
    ("epochs=1.5", "not of type int"),
    ("fast=yes", "not of type bool"),
  ],
)
def test_faults_name_the_item_and_the_valid_names(arg, part):
  with pytest.raises(ValueError, match=part) as caught:
    parse_arg(arg, epochs=100, fast=False)
  assert "epochs=100, fast=False" in str(caught.value)


def test_all_faults_are_in_one_message():
  with pytest.raises(ValueError, match=r"'a' is unknown; 'b' is unknown"):
    parse_arg("a=1,b=2", epochs=100)
