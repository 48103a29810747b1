"""Classifiers that a run's final evaluations make, as weights to keep."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from suncet_jax.architectures import part_name
from suncet_jax.convert.run import gathered
from suncet_jax.convert.weights import Classifier, Weights
from suncet_jax.evals.finetune_step import Variables
from suncet_jax.evals.protocols import linear
from suncet_jax.train.evaluation import StateUnderTest
from suncet_jax.train.experiment import Experiment

_PROJECTION = "projection"
_OWN = "logits"


class Candidate(NamedTuple):
  """A classifier that may be kept; what it returns is collective.

  Attributes:
    validation: Returns its logits of the validation images.
    test: Returns its logits of the test images.
    weights: Returns its weights with those of the encoder below.
  """

  validation: Callable[[], np.ndarray]
  test: Callable[[], np.ndarray]
  weights: Callable[[], Weights]


def candidates(
  experiment: Experiment, seen: StateUnderTest
) -> Mapping[str, Candidate]:
  """Returns all classifiers that can be kept, by name of their evaluation.

  Nothing is trained before it is asked for, and what an evaluation of `seen`
  has trained is not trained again.

  Args:
    experiment: Experiment that was run.
    seen: Last state.
  """
  return {
    "classifier": Candidate(
      lambda: _logits(seen.validation.logits),
      lambda: _logits(seen.test.logits),
      lambda: _own(experiment, seen),
    ),
    "finetune": Candidate(
      lambda: seen.finetuned_scores_of(*experiment.pipeline.every_validation),
      seen.finetuned_scores,
      lambda: _finetuned(experiment, seen),
    ),
    "linear": Candidate(
      lambda: np.asarray(linear.fitted(seen).scores(seen.validation.features)),
      lambda: np.asarray(linear.fitted(seen).scores(seen.test.features)),
      lambda: _linear(experiment, seen),
    ),
  }


def _logits(logits: np.ndarray | None) -> np.ndarray:
  assert logits is not None, "the evaluation needs this head"
  return logits


def _own(experiment: Experiment, seen: StateUnderTest) -> Weights:
  """Returns the method's own classifier."""
  weights = _gathered(experiment, seen.state.encoder, _OWN)
  return weights._replace(classifier=_classifier(experiment, "classifier", {}))


def _linear(experiment: Experiment, seen: StateUnderTest) -> Weights:
  """Returns the linear probe on the frozen backbone."""
  fields = linear.fitted(seen)._asdict()
  del fields["losses"]
  return _gathered(experiment, seen.state.encoder)._replace(
    classifier=_classifier(experiment, "linear", fields)
  )


def _finetuned(experiment: Experiment, seen: StateUnderTest) -> Weights:
  """Returns the fine-tuned network."""
  layers = experiment.config.evals.finetune.first_layers
  variables = seen.finetuned.variables
  kernel, bias = variables.classifier
  size = kernel.shape[0]
  fields = {
    "kernel": kernel,
    "bias": bias,
    "mean": np.zeros(size, np.float32),
    "scale": np.ones(size, np.float32),
  }
  head = _PROJECTION if layers else ""
  parts = _parts(variables, seen.state.encoder) if layers else _bare(variables)
  return _gathered(experiment, parts, head)._replace(
    classifier=_classifier(experiment, "finetune", fields, layers)
  )


def _bare(variables: Variables) -> tuple[Any, Any]:
  """Returns (params, batch_stats) of a backbone without a head."""
  return {"backbone": variables.params}, {"backbone": variables.batch_stats}


def _parts(
  variables: Variables, encoder: tuple[Any, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
  """Returns (params, batch_stats) with the layers of the head that were tuned.

  Those above, which no image goes through, are the pre-trained ones: a file
  holds a whole head or none.
  """
  part = part_name(_PROJECTION)
  params, batch_stats = (
    {**tuned, part: {**whole[part], **tuned[part]}}
    for tuned, whole in zip(variables[:2], encoder, strict=True)
  )
  return params, batch_stats


def _gathered(
  experiment: Experiment, variables: tuple[Any, Any], head: str = ""
) -> Weights:
  fields = experiment.heads[head]._asdict() if head else {}
  return gathered(
    experiment.config,
    variables,
    channels=experiment.pipeline.train.image_shape[-1],
    head=(head, fields) if head else None,
  )


def _classifier(
  experiment: Experiment,
  kind: str,
  arrays: Mapping[str, Any],
  head_layers: int = 0,
) -> Classifier:
  return Classifier(
    kind=kind,
    classes=tuple(experiment.pipeline.dataset.class_names),
    arrays={name: np.asarray(x, np.float32) for name, x in arrays.items()},
    head_layers=head_layers,
  )
