"""What a verdict tries: with and without weights, with and without training."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from suncet_jax.compare.entries import Entry
from suncet_jax.plugins import evaluations, method_spec

BASELINE = "frozen features"

# Of what is not pre-trained: name, evaluation and its fields.
_TUNED = (
  (BASELINE, "linear", ""),
  ("fine-tuned", "finetune", ""),
  (
    "fine-tuned from the probe",
    "finetune",
    "evals.finetune.start=probe,evals.finetune.frozen_norms=True",
  ),
  ("low-rank adapters", "finetune", "evals.finetune.lora_rank=8"),
)
# Its method, of which only the backbone counts.
_HOST = "simclr"


class Candidate(NamedTuple):
  """A way to get from images and labels to a classifier.

  Attributes:
    name: Name in tables.
    method: Method of the pre-training.
    variant: Fields of the configuration that it changes.
    evaluation: Name of the evaluation by which it classifies.
    trains: Whether there is pre-training.
    starts: Whether it starts from the weights.
  """

  name: str
  method: str
  variant: str
  evaluation: str
  trains: bool
  starts: bool

  @property
  def metric(self) -> str:
    """Name of its accuracy."""
    return next(iter(evaluations()[self.evaluation].metrics))

  def entry(self, share: float) -> Entry:
    """Returns the entry of a comparison, if it trains with such a share."""
    if not self.trains:
      return Entry(self.method, 1.0, self.variant, self.name)
    return Entry(self.method, share, self.variant, f"{self.name} @{share:g}")


def candidates(methods: Sequence[str], has_weights: bool) -> list[Candidate]:
  """Returns all candidates, those without pre-training first.

  Args:
    methods: Names of methods, one of which may be "supervised": labels alone.
    has_weights: Whether there are weights to start from.
  """
  found = [
    Candidate(name, _HOST, variant, evaluation, trains=False, starts=True)
    for name, evaluation, variant in _TUNED
    if has_weights
  ]
  for starts in (True, False) if has_weights else (False,):
    found += [_pretrained(method, starts, has_weights) for method in methods]
  return found


def overrides(
  given: Mapping[str, Any], weights: str, *, starts: bool
) -> dict[str, Any]:
  """Returns the fields that are set for candidates besides their variants.

  Args:
    given: Fields that the user sets.
    weights: Weights to start from; empty: none.
    starts: Whether they start from the weights.
  """
  start = {"init.weights": weights} if weights and starts else {}
  return {**given, **start}


def _pretrained(method: str, starts: bool, has_weights: bool) -> Candidate:
  spec = method_spec(method)
  origin = "from the weights" if starts else "from nothing"
  title = f"{method} {origin}" if has_weights else method
  return Candidate(
    title, method, "", spec.predictor, trains=True, starts=starts
  )
