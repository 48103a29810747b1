"""Declarations of methods and evaluations, and the search for them; no JAX.

A method is a folder of `suncet_jax/methods/`, an evaluation a file of
`suncet_jax/evals/protocols/`. What they declare is read before JAX is loaded:
their fields of the configuration, the views that an epoch needs, the titles of
what they measure. Nothing is registered; being there is enough. A method of a
user is named by its module.
"""

from suncet_jax.plugins.declared import (
  Encoded,
  EvaluationSpec,
  Groups,
  MethodSpec,
  Series,
  Symptom,
)
from suncet_jax.plugins.search import (
  evaluation_faults,
  evaluations,
  has_part,
  method_module,
  method_names,
  method_spec,
  metric_explanations,
  metric_titles,
  suitable_evaluations,
  telling_metrics,
  uses_labels,
  views_of_images,
)

__all__ = [
  "Encoded",
  "EvaluationSpec",
  "Groups",
  "MethodSpec",
  "Series",
  "Symptom",
  "evaluation_faults",
  "evaluations",
  "has_part",
  "method_module",
  "method_names",
  "method_spec",
  "metric_explanations",
  "metric_titles",
  "suitable_evaluations",
  "telling_metrics",
  "uses_labels",
  "views_of_images",
]
