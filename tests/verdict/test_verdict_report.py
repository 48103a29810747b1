"""The recommendation in words, and its page."""

import json

from suncet_jax.verdict import report
from suncet_jax.verdict.candidates import candidates
from suncet_jax.verdict.rounds import Result


def _verdict(chosen="fixmatch from the weights"):
  by_name = {c.name: c for c in candidates(("fixmatch",), has_weights=True)}

  def result(name, *accuracies, share=1.0):
    by_seed = dict(enumerate(accuracies))
    return Result(by_name[name], share, by_seed, images=640.0, minutes=1.5)

  last = [
    result("frozen features", 0.70, 0.72),
    result("fixmatch from the weights", 0.80, 0.84),
    result("fixmatch from nothing", 0.60, 0.50, share=0.5),
  ]
  tests = [
    result("frozen features", 0.71, 0.69),
    result("fixmatch from the weights", 0.79, 0.80),
  ]
  return report.Verdict(
    last={r.candidate.name: r for r in last},
    tests={r.candidate.name: r for r in tests},
    chosen=chosen,
    measured_against="frozen features",
    left_out=["Methods: paws."],
    budget="Each run has 5 minutes.",
  )


def test_the_recommendation_has_its_margin_and_spread():
  assert report.sentence(_verdict()) == (
    "Take fixmatch from the weights: 79.5 ± 0.7 % of the test images are "
    "classified right, +9.5 points to frozen features (+8.0, +11.0 by seed)."
  )


def test_a_recommendation_without_a_rival():
  verdict = _verdict("frozen features")
  assert "nothing else was tried to the end" in report.sentence(verdict)


def test_rows_come_by_how_far_they_came():
  found = report.table(_verdict())
  names = [row[0] for row in found.rows]
  assert names == [
    "fixmatch from the weights (recommended)",
    "frozen features",
    "fixmatch from nothing",
  ]
  cells = dict(zip(found.header, found.rows[2], strict=True))
  assert cells["share of the budget"] == "0.5"
  assert cells["validation"] == "55.0 ± 7.1"
  assert cells["test"] == "-"


def test_page_and_json_say_the_same(tmp_path):
  verdict = _verdict()
  out = report.write(tmp_path, verdict, "the command")
  content = json.loads((tmp_path / "verdict.json").read_text())
  assert content["recommendation"] == report.sentence(verdict)
  assert content["test"]["frozen features"]["accuracies"] == {
    "0": 0.71,
    "1": 0.69,
  }
  page = out.read_text()
  for text in (*verdict.left_out, verdict.budget, "the command"):
    assert text in page
