"""What methods and evaluations declare, as types."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from suncet_jax.architectures import MLP
from suncet_jax.fields import Fields


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


class Encoded(NamedTuple):
  """The views that the steps of an epoch encode, for an estimate of the cost.

  Attributes:
    trained: Views whose outputs have a gradient; it costs two further passes.
    constant: Views whose outputs have none, those of a teacher. A view may be
      in both.
  """

  trained: Groups
  constant: Groups = Groups()


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
    rows: Kinds of rows that it suits, of "images" and "clips".
    measured: Names of what it returns of each image, or clip, for evaluations
      of its own; see `suncet_jax.methods.base.Method.measured`.
    predictor: Name of the evaluation by which it classifies, and by which
      comparisons of methods judge it: "classifier" where it has a head
      "logits" of its own. Runs do it by default.
    players: Names of the networks that it may have beside the encoder, such as
      a critic; `config.optim.parts` may hold their optimizers.
  """

  title: str
  summary: str
  fields: Fields = {}
  series: tuple[Series, ...] = ()
  views: tuple[str, ...] = ()
  rows: tuple[str, ...] = ("images",)
  measured: tuple[str, ...] = ()
  predictor: str = "finetune"
  players: tuple[str, ...] = ()

  def groups(self, config: Any, epoch: int) -> Groups:
    """Returns the views of an epoch; the step is compiled once for each.

    Args:
      config: The whole configuration.
      epoch: Epoch over the unlabelled pool, from 0.
    """
    raise NotImplementedError

  def encoded(self, config: Any, epoch: int) -> Encoded:
    """Returns the views that are encoded, by default all with a gradient.

    Args:
      config: The whole configuration.
      epoch: Epoch over the unlabelled pool, from 0.
    """
    return Encoded(self.groups(config, epoch))

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
    measured: What it needs of `MethodSpec.measured`; empty: nothing of it.
    fields: Its fields, `config.evals.<name>.<field>`.
    metrics: Titles of what it measures, by name.
    notes: Explanations of single metrics, where they differ from its own.
  """

  title: str
  explanation: str
  cost: int
  head: str = ""
  measured: str = ""
  fields: Fields = {}
  metrics: Mapping[str, str] = {}
  notes: Mapping[str, str] = {}

  def faults(self, config: Any, heads: Mapping[str, MLP]) -> Iterator[str]:
    """Yields what is wrong with how its fields fit the others.

    Args:
      config: The whole configuration.
      heads: Heads of the method by name.
    """
    del config, heads
    yield from ()

  def run(self, context: Any) -> dict[str, float]:
    """Measures a state on the test images.

    Args:
      context: A `suncet_jax.evals.protocols.base.Context`.

    Returns:
      Values by the names in `metrics`; accuracies in [0, 1].
    """
    raise NotImplementedError
