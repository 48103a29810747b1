"""The tables of a comparison, against numbers by hand."""

from suncet_jax.compare.folder import Measured
from suncet_jax.compare.tables import (
  claim,
  every_run,
  final_accuracies,
  finished_claim,
)


def _runs(name, curves, epochs, images, flops):
  """Returns one run per curve of kNN; all fine-tuning of SuNCEt fails."""
  return [
    Measured(
      name,
      name,
      "10",
      seed,
      [
        {
          "epochs": epochs * (place + 1),
          "images": images * (place + 1),
          "flops": flops * (place + 1),
          "knn_top1": accuracy,
          "linear_top1": accuracy + 0.1,
          "finetune_top1": 0.1 if name == "suncet" else accuracy,
        }
        for place, accuracy in enumerate(curve)
      ],
      90.0,
    )
    for seed, curve in enumerate(curves)
  ]


_SIMCLR = _runs("simclr", [[0.60], [0.62], [0.64]], 10, 1000, 2e9)
# Seed 2 is as good at once and falls below.
_SUNCET = _runs("suncet", [[0.60, 0.7], [0.5, 0.62], [0.65, 0.6]], 2, 250, 3e8)


def test_the_first_hit_of_the_mean_and_of_each_seed():
  knn, linear, finetuned = claim([*_SUNCET, *_SIMCLR]).rows
  # Means of SuNCEt are 58.3 and 64.0: the second checkpoint.
  found = ["0.40", "0.50", "0.30", "0.25, 0.50, 0.25", "2 of 3"]
  assert knn == ["kNN", "62.0", *found]
  assert linear == ["linear probe", "72.0", *found]
  assert finetuned[2:] == [*["never"] * 3, "never, never, never", "0 of 3"]


def test_no_claim_without_the_same_seeds_of_both():
  assert claim(_SIMCLR) is None
  assert claim(_SUNCET) is None
  assert claim([*_SUNCET, *_SIMCLR[:2]]) is None


def test_ends_are_means_with_the_deviation_of_a_sample():
  simclr, suncet = final_accuracies([*_SUNCET, *_SIMCLR]).rows
  assert simclr[:4] == ["simclr", "62.0 ± 2.0", "72.0 ± 2.0", "62.0 ± 2.0"]
  assert simclr[4:] == ["10", "1,000", "2.00e+09", "3"]
  assert suncet[4:6] == ["4", "500"]
  assert suncet[1] == "64.0 ± 5.3"
  assert final_accuracies(_SIMCLR[:1]).rows[0][1] == "60.0"


def test_every_run_is_listed_with_its_minutes():
  first, *_, last = every_run([*_SUNCET, *_SIMCLR]).rows
  assert first == ["simclr", "0", "60.0", "70.0", "60.0", "1.5"]
  assert last == ["suncet", "2", "60.0", "70.0", "10.0", "1.5"]


def _run(name, images, accuracy):
  end = {"epochs": images / 100, "images": images, "flops": images * 1e6}
  end |= dict.fromkeys(("knn_top1", "linear_top1", "finetune_top1"), accuracy)
  return Measured(name, name.partition("@")[0], "10", 0, [end], 60.0)


def test_a_variant_is_not_taken_for_the_cheapest_run_of_the_method():
  runs = [
    _run("simclr", 1000, 0.6),
    _run("suncet", 1000, 0.7),
    _run("suncet@0.6", 600, 0.65),
    _run("suncet@0.4 method.temperature=0.2", 400, 0.8),
    _run("supervised", 1000, 0.9),
  ]
  for row in finished_claim(runs).rows:
    assert row[1:] == ["60.0", "65.0", "0.60", "0.60", "0.60"]
