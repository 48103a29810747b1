"""Arrays that do not fit one another are named, with their shapes."""

import numpy as np
import pytest

from suncet_jax import losses

_ROWS = np.eye(4, 5, dtype=np.float32)
_LABELS = np.arange(4)
_SHARES = np.full((4, 3), 1 / 3, np.float32)


def _paws(supports=_ROWS, targets=None, target_supports=None, class_count=4):
  return losses.paws(
    [_ROWS, _ROWS],
    supports,
    _LABELS,
    targets,
    target_supports,
    class_count=class_count,
  )


def _graph(bank=_ROWS, bank_probabilities=_SHARES, bank_mask=None):
  return losses.comatch_graph(
    _ROWS,
    _ROWS,
    _SHARES,
    bank=bank,
    bank_probabilities=bank_probabilities,
    bank_mask=bank_mask,
  )


@pytest.mark.parametrize(
  ("call", "message"),
  [
    (lambda: _paws(np.eye(4)), r"views \(4, 5\), supports \(4, 4\)"),
    (
      lambda: _paws(targets=[np.eye(4)] * 2),
      r"targets \(4, 4\), target_supports \(4, 5\)",
    ),
    (
      lambda: _paws(targets=[np.eye(4)] * 2, target_supports=np.eye(2, 4)),
      "target_supports as supports",
    ),
    (lambda: _paws(class_count=4.0), "an integer >= 1, got 4.0"),
    (lambda: _graph(np.eye(4)), r"first \(4, 5\), bank \(4, 4\)"),
    (
      lambda: _graph(bank_probabilities=np.eye(4)),
      r"probabilities \(4, 3\), bank_probabilities \(4, 4\)",
    ),
    (lambda: _graph(bank_mask=np.ones(3, bool)), r"shape \(4,\).* got \(3,\)"),
    (lambda: _graph(bank_probabilities=None), "must be given together"),
    (
      lambda: _graph(None, None, np.ones(4, bool)),
      "bank_mask with them or not at all",
    ),
    (
      lambda: losses.sinkhorn(_ROWS, earlier=np.eye(4)),
      r"scores \(4, 5\), earlier \(4, 4\)",
    ),
    (lambda: losses.sinkhorn(_ROWS, iterations=2.5), "an integer >= 1"),
  ],
)
def test_arrays_that_do_not_fit_are_named(call, message):
  with pytest.raises(ValueError, match=message):
    call()


def test_swav_without_a_row_is_0():
  none = _ROWS[:0]
  assert losses.swav([none, none], prototypes=np.eye(5, 3)) == 0
