"""Declarations of methods and evaluations, and the search for them; no JAX.

A method is a folder of `suncet_jax/methods/`, an evaluation a file of
`suncet_jax/evals/protocols/`. What they declare is read before JAX is loaded:
their fields of the configuration, the views that an epoch needs, the titles of
what they measure. Nothing is registered; being there is enough. A method of a
user is named by its module.
"""

import difflib
import functools
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any, NamedTuple

from suncet_jax.architectures import MLP
from suncet_jax.errors import UserError
from suncet_jax.fields import Fields

_METHODS = "suncet_jax.methods"
_EVALUATIONS = "suncet_jax.evals.protocols"


class Series(NamedTuple):
  """A metric of training, as reports and the line of progress show it.

  Attributes:
    name: Column of metrics.csv.
    title: Title of its diagram.
    section: Heading of the report's section that it belongs to.
    kind: "number", "percent" or "log".
    unit: Label of the vertical axis, such as "nats".
    smooth: Whether long curves show a running mean.
    line: Format in the line of progress, such as "loss {:.3f}"; empty: it is
      not shown there.
  """

  name: str
  title: str
  section: str
  kind: str = "number"
  unit: str = ""
  smooth: bool = True
  line: str = ""


class Groups(NamedTuple):
  """The views of each image that the steps of an epoch encode, by name.

  Names are those of `suncet_jax.data.augment.view.named_views`: "view" is
  `config.augment`, "small" the same with the crops of `config.multicrop`,
  "weak" and "strong" the groups of these names, which `MethodSpec.views` adds.

  Attributes:
    unlabelled: Views of each image of the pool; empty: none are loaded.
    labelled: Views of each labelled image; empty: none are loaded.
  """

  unlabelled: tuple[str, ...] = ()
  labelled: tuple[str, ...] = ()


class Symptom(NamedTuple):
  """A sign, in what a method logs, that its training goes wrong.

  Attributes:
    series: Name of the metric.
    is_bad: Whether a value of it is such a sign.
    meaning: Sentence on what it means, and which setting to change.
    share: Share of the training for which it must last.
  """

  series: str
  is_bad: Callable[[float], bool]
  meaning: str
  share: float = 0.1


class MethodSpec:
  """Declaration of a method; a folder's spec.py holds one as `SPEC`.

  Attributes:
    title: Name that people call it by.
    summary: Its loss, with the paper, in one line.
    fields: Its fields, `config.method.<field>`.
    series: Metrics that it logs besides "loss".
    views: Kinds of views, of "weak" and "strong", that it needs besides those
      of all methods; each adds a group of its name to the configuration.
    predictor: Name of the evaluation by which it classifies, and by which
      comparisons of methods judge it: "classifier" where it has a head
      "logits" of its own. Runs do it by default.
  """

  title: str
  summary: str
  fields: Fields = {}
  series: tuple[Series, ...] = ()
  views: tuple[str, ...] = ()
  predictor: str = "finetune"

  def groups(self, config: Any, epoch: int) -> Groups:
    """Returns the views of an epoch; the step is compiled once for each.

    Args:
      config: The whole configuration.
      epoch: Epoch over the unlabelled pool, from 0.
    """
    raise NotImplementedError

  def heads(self, config: Any, class_count: int) -> dict[str, MLP]:
    """Returns the heads of the encoder by name; by default a projection.

    Args:
      config: The whole configuration.
      class_count: Number of classes.
    """
    del class_count
    return {"projection": MLP.from_config(config.model.head)}

  def faults(self, config: Any) -> Iterator[str]:
    """Yields what is wrong with how its fields fit the others."""
    del config
    yield from ()

  def symptoms(self, config: Any, class_count: int) -> tuple[Symptom, ...]:
    """Returns signs of a collapse, which a run names when it sees them.

    Args:
      config: The whole configuration.
      class_count: Number of classes.
    """
    del config, class_count
    return ()


class EvaluationSpec:
  """Declaration of an evaluation; a file holds one as `SPEC`, with `run`.

  Attributes:
    title: Name that people call it by.
    explanation: Its way to classify, in one line.
    cost: Rank by time: the cheapest are run, and shown, first.
    head: Head of the method whose output it needs; empty: it suits all.
    fields: Its fields, `config.evals.<name>.<field>`.
    metrics: Titles of what it measures, by name.
    notes: Explanations of single metrics, where they differ from its own.
  """

  title: str
  explanation: str
  cost: int
  head: str = ""
  fields: Fields = {}
  metrics: Mapping[str, str] = {}
  notes: Mapping[str, str] = {}

  def run(self, context: Any) -> dict[str, float]:
    """Measures a state on the test images.

    Args:
      context: A `suncet_jax.evals.protocols.base.Context`.

    Returns:
      Values by the names in `metrics`; accuracies in [0, 1].
    """
    raise NotImplementedError


@functools.cache
def method_names() -> tuple[str, ...]:
  """Returns the names of the methods that come with the package."""
  return tuple(name for name, is_folder in _inside(_METHODS) if is_folder)


def method_spec(name: str) -> MethodSpec:
  """Returns what a method declares.

  Args:
    name: One of `method_names()`, or the module of a folder of the user's, such
      as "my_project.my_method".

  Raises:
    UserError: If there is no such method.
  """
  spec = getattr(method_module(name, "spec"), "SPEC", None)
  if not isinstance(spec, MethodSpec):
    raise UserError(
      f"method.name is {name!r}, but {name}/spec.py holds no SPEC, expected an "
      "instance of suncet_jax.plugins.MethodSpec."
    )
  return spec


def method_module(name: str, part: str) -> ModuleType:
  """Imports a file of a method's folder.

  Args:
    name: Name of the method.
    part: "spec", "method" or "recipes".

  Raises:
    UserError: If there is no such method, or no such file.
  """
  module = f"{_folder(name)}.{part}"
  try:
    return importlib.import_module(module)
  except ModuleNotFoundError as error:
    # An import that fails inside of the module is another fault: its traceback
    # says where.
    if not f"{module}.".startswith(f"{error.name}."):
      raise
    raise UserError(_not_found(name, part, error)) from error


def has_part(name: str, part: str) -> bool:
  """Returns whether the folder of a method has such a file."""
  return importlib.util.find_spec(f"{_folder(name)}.{part}") is not None


def uses_labels(config: Any) -> bool:
  """Returns whether a run encodes labelled images before its evaluation."""
  spec = method_spec(config.method.name)
  return any(
    spec.groups(config, e).labelled for e in range(config.train.epochs)
  )


@functools.cache
def evaluations() -> Mapping[str, EvaluationSpec]:
  """Returns the evaluations that come with the package, the cheapest first."""
  modules = (
    (name, importlib.import_module(f"{_EVALUATIONS}.{name}"))
    for name, is_folder in _inside(_EVALUATIONS)
    if not is_folder
  )
  found = {n: m.SPEC for n, m in modules if hasattr(m, "SPEC")}
  return dict(sorted(found.items(), key=lambda item: item[1].cost))


def suitable_evaluations(config: Any) -> tuple[str, ...]:
  """Returns the evaluations whose head the method of a run has."""
  # Which heads there are does not depend on the number of classes.
  heads = method_spec(config.method.name).heads(config, class_count=2)
  return tuple(
    name
    for name, spec in evaluations().items()
    if not spec.head or spec.head in heads
  )


def evaluation_faults(
  config: Any, names: Iterable[str], whose: str = "evals.final"
) -> Iterator[str]:
  """Yields what is wrong with a choice of evaluations.

  Args:
    config: Configuration of the run.
    names: Names of the evaluations.
    whose: Name of the setting that chooses them.
  """
  known, suitable = evaluations(), suitable_evaluations(config)
  for name in sorted(set(names) - set(suitable)):
    why = ""
    if name in known:
      why = (
        f", which needs the head {known[name].head!r} that method "
        f"{config.method.name} does not have"
      )
    yield f"{whose} has {name}{why}, expected some of {', '.join(suitable)}."


def metric_titles() -> dict[str, str]:
  """Returns what people call the metrics of evaluations, by name."""
  return {
    name: title
    for spec in evaluations().values()
    for name, title in spec.metrics.items()
  }


def metric_explanations() -> dict[str, str]:
  """Returns one line on how each metric of an evaluation is measured."""
  return {
    name: spec.notes.get(name, spec.explanation)
    for spec in evaluations().values()
    for name in spec.metrics
  }


def _folder(name: str) -> str:
  """Returns the module of a method's folder.

  Raises:
    UserError: If the name cannot be that of one.
  """
  if name in method_names():
    return f"{_METHODS}.{name}"
  if not all(map(str.isidentifier, name.split("."))):
    raise UserError(_not_found(name, "spec"))
  return name


def _not_found(
  name: str, part: str, error: ModuleNotFoundError | None = None
) -> str:
  """Returns what was expected, and of a user's module where it ends."""
  text = f"method.name is {name!r}, expected one of {', '.join(method_names())}"
  close = difflib.get_close_matches(name, method_names(), n=1)
  if close:
    return f"{text}: is {close[0]} meant?"
  if error and error.name == f"{name}.{part}":
    return f"method.name is {name!r}, but that module has no {part}.py."
  return (
    f"{text}, or the module of a folder of your own with spec.py and "
    "method.py, with dots, such as my_project.my_method. It must be found from "
    "the current folder or from PYTHONPATH" + (f" ({error})." if error else ".")
  )


def _inside(package: str) -> Iterator[tuple[str, bool]]:
  """Yields the names inside of a package, and whether each is a folder."""
  folder = importlib.import_module(package)
  for found in pkgutil.iter_modules(folder.__path__):
    yield found.name, found.ispkg
