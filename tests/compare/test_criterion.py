"""The criterion: which share of SimCLR's budget SuNCEt needs."""

import pytest

from suncet_jax.compare.criterion import first_finished, first_hit, mean_curve


def _curve(*accuracies, cost=1.0):
  return [
    {
      "epochs": (place + 1) * cost,
      "images": (place + 1) * 100 * cost,
      "flops": (place + 1) * 1e6 * cost,
      "knn_top1": accuracy,
    }
    for place, accuracy in enumerate(accuracies)
  ]


_SIMCLR = _curve(0.2, 0.4, 0.9, 0.6)  # its end counts, not its best


def test_the_first_checkpoint_that_is_as_good_counts():
  share = first_hit(_SIMCLR, _curve(0.5, 0.6, 0.7), "knn_top1")
  assert share.target == 0.6
  assert share.reached == 0.6
  assert share.shares == {"epochs": 0.5, "images": 0.5, "flops": 0.5}
  assert share.holds_at_end


def test_a_later_fall_is_told_and_does_not_undo_the_hit():
  share = first_hit(_SIMCLR, _curve(0.7, 0.5), "knn_top1")
  assert share.shares["images"] == 0.25
  assert not share.holds_at_end


def test_never_is_no_share():
  share = first_hit(_SIMCLR, _curve(0.5, 0.599), "knn_top1")
  assert share.reached is None
  assert share.shares == {}


def test_each_way_of_counting_has_its_own_share():
  suncet = _curve(0.7)
  suncet[0]["images"] = 300  # it encodes labelled images too
  shares = first_hit(_SIMCLR, suncet, "knn_top1").shares
  assert shares == {"epochs": 0.25, "images": 0.75, "flops": 0.25}


def test_of_finished_runs_the_cheapest_that_is_as_good_counts():
  runs = [_curve(0.9, 0.5), _curve(0.1, 0.2, 0.65), _curve(0.8, cost=4.0)]
  share = first_finished(_SIMCLR, runs, "knn_top1")
  # The first run was better on its way, and ends below.
  assert share.reached == 0.65
  assert share.shares["images"] == 0.75


def test_means_are_taken_checkpoint_by_checkpoint():
  first, second = mean_curve([_curve(0.2, 0.4), _curve(0.4, 0.8)])
  assert first["knn_top1"] == pytest.approx(0.3)
  assert second["knn_top1"] == pytest.approx(0.6)
  assert second["images"] == 200
  # One of the runs was measured before there was this accuracy.
  newer = [{**point, "soft_nn_top1": 0.5} for point in _curve(0.4)]
  assert "soft_nn_top1" not in mean_curve([_curve(0.2), newer])[0]
  with pytest.raises(ValueError, match="zip"):
    mean_curve([_curve(0.2), _curve(0.2, 0.4)])
