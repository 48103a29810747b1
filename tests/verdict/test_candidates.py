"""What a verdict tries."""

from suncet_jax.verdict.candidates import BASELINE, candidates, overrides

_METHODS = ("supervised", "fixmatch")


def test_with_weights_all_that_needs_no_training_comes_first():
  found = candidates(_METHODS, has_weights=True)
  assert [c.name for c in found] == [
    BASELINE,
    "fine-tuned",
    "fine-tuned from the probe",
    "low-rank adapters",
    "supervised from the weights",
    "fixmatch from the weights",
    "supervised from nothing",
    "fixmatch from nothing",
  ]
  assert [c.trains for c in found] == [False] * 4 + [True] * 4
  assert found[0].metric == "linear_top1"
  assert found[1].metric == "finetune_top1"
  assert found[5].metric == "classifier_top1"


def test_without_weights_there_are_methods_only():
  assert [c.name for c in candidates(_METHODS, has_weights=False)] == [
    *_METHODS
  ]


def test_only_what_starts_from_the_weights_has_them():
  given = {"optim.peak_lr": 0.1}
  for candidate in candidates(_METHODS, has_weights=True):
    fields = overrides(given, "w.safetensors", starts=candidate.starts)
    expected = {"init.weights": "w.safetensors"} if candidate.starts else {}
    assert fields == given | expected


def test_names_of_runs_tell_their_budget():
  tuned, *_, trained = candidates(_METHODS, has_weights=True)
  assert tuned.entry(0.25) == tuned.entry(0.5)
  assert tuned.entry(0.25).name == BASELINE
  assert trained.entry(0.25).name == "fixmatch from nothing @0.25"
