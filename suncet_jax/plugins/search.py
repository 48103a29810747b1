"""The search for methods and evaluations, in the folders that hold them."""

import difflib
import functools
import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any

from suncet_jax.errors import UserError
from suncet_jax.plugins.declared import EvaluationSpec, Groups, MethodSpec

_METHODS = "suncet_jax.methods"
_EVALUATIONS = "suncet_jax.evals.protocols"


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
  return any(groups.labelled for groups in _groups(config))


def views_of_images(config: Any) -> set[str]:
  """Returns the names of the views of unlabelled images that a run encodes."""
  return {view for groups in _groups(config) for view in groups.unlabelled}


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
  """Returns the evaluations that the method of a run has all outputs for."""
  method = method_spec(config.method.name)
  # Which heads there are does not depend on the number of classes.
  heads = method.heads(config, class_count=2)
  return tuple(
    name
    for name, spec in evaluations().items()
    if spec.head in ("", *heads) and spec.measured in ("", *method.measured)
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
      needed = known[name]
      what = f"the head {needed.head!r}" if needed.head else needed.measured
      why = (
        f", which needs {what} that method {config.method.name} does not have"
      )
    yield f"{whose} has {name}{why}, expected some of {', '.join(suitable)}."


def metric_titles() -> dict[str, str]:
  """Returns what people call the metrics of evaluations, by name."""
  return {
    name: title
    for spec in evaluations().values()
    for name, title in spec.metrics.items()
  }


def telling_metrics(
  metrics: Mapping[str, Any], class_count: int
) -> dict[str, Any]:
  """Returns metrics without those that are 100 % whatever was learnt.

  Args:
    metrics: Metrics by name.
    class_count: Number of classes; 0: not known.
  """
  is_sure = 0 < class_count <= 5
  return {
    name: value
    for name, value in metrics.items()
    if not (is_sure and name.endswith("_top5"))
  }


def metric_explanations() -> dict[str, str]:
  """Returns one line on how each metric of an evaluation is measured."""
  return {
    name: spec.notes.get(name, spec.explanation)
    for spec in evaluations().values()
    for name in spec.metrics
  }


def _groups(config: Any) -> Iterator[Groups]:
  """Yields the views of each epoch of a run."""
  spec = method_spec(config.method.name)
  return (spec.groups(config, e) for e in range(config.train.epochs))


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
