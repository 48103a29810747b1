"""The tables of a comparison: what counts as SuNCEt."""

from suncet_jax.compare.results import Measured
from suncet_jax.compare.tables import finished_claim


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
