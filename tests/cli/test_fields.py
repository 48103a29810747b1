"""`suncet-jax fields`: what can be set, to be read at a terminal."""

import pytest
import running

from suncet_jax import plugins
from suncet_jax.cli import fields
from suncet_jax.config.schema import all_fields
from suncet_jax.fields import flatten


@pytest.fixture
def listed(capsys, monkeypatch):
  """Returns a function from words to the names and the text of the list."""
  monkeypatch.setenv("COLUMNS", "72")

  def call(*words):
    assert fields.main(words) == 0
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert max(map(len, lines)) <= 72
    heads = [line for line in lines if not line.startswith(" ")]
    return [line.partition("=")[0] for line in heads], text

  return call


def test_all_fields_of_all_methods(listed):
  names, _ = listed()
  for method in plugins.method_names():
    assert flatten(all_fields(method)).keys() <= set(names)


def test_a_field_has_default_bound_and_meaning(listed):
  _, text = listed("optim.momentum")
  assert (
    "optim.momentum=0.9  (at least 0 and below 1)\n"
    "    Momentum of the updates.\n"
  ) in text


@pytest.mark.parametrize(
  ("pattern", "name"),
  [
    ("peak", "optim.peak_lr"),
    ("learning RATE", "optim.peak_lr"),  # of its meaning
    ("optim.*lr", "optim.peak_lr"),
    ("config.optim.peak_lr", "optim.peak_lr"),
  ],
)
def test_a_pattern_is_in_name_or_meaning(pattern, name, listed):
  names, _ = listed(pattern)
  assert name in names
  assert "data.batch_size" not in names


def test_a_pattern_is_not_found_inside_of_words(listed):
  names, _ = listed("lr")  # SimCLR, ReLU ...
  assert {name.partition(".")[0] for name in names} == {"optim"}


def test_fields_of_one_method(listed):
  names, text = listed("--method=simclr", "method.*")
  assert "method.temperature" in names
  assert "method.suncet_weight" not in names
  assert " Of " not in text
  assert "Of suncet" in listed("suncet_weight")[1]


@pytest.mark.parametrize(
  ("words", "part"),
  [
    (["peek_lr"], "Did you mean optim.peak_lr?"),
    (["--method=simclear"], "is simclr meant?"),
  ],
)
def test_what_is_not_there(words, part, capsys):
  with pytest.raises(SystemExit) as ended:
    fields.main(words)
  assert ended.value.code == 2
  assert part in capsys.readouterr().err


def test_the_command_prints_them():
  code, output = running.run("suncet_jax", "fields", "momentum", timeout=60)
  assert code == 0
  assert "optim.momentum=0.9" in output
