"""What may be meant by the name of a field that does not exist."""

import difflib
from collections.abc import Iterator, Mapping, Sequence

from suncet_jax.fields import Field

_SHOWN = 3

# What people call fields elsewhere, where the names are not alike.
_ALSO_CALLED: Mapping[str, str] = {
  "alpha": "optim.peak_lr",
  "arch": "model.name",
  "architecture": "model.name",
  "backbone": "model.name",
  "b1": "optim.momentum",
  "b2": "optim.second_momentum",
  "batch": "data.batch_size",
  "beta1": "optim.momentum",
  "beta2": "optim.second_momentum",
  "bs": "data.batch_size",
  "bsz": "data.batch_size",
  "crop_size": "augment.size",
  "dataset": "data.source",
  "checkpoint_path": "init.weights",
  "depth": "model.name",
  "dtype": "precision",
  "ema": "train.ema_decay",
  "encoder": "model.name",
  "epoch": "train.epochs",
  "eta": "optim.peak_lr",
  "frozen_stages": "optim.frozen_blocks",
  "image_size": "augment.size",
  "labels": "data.labelled.per_class",
  "learning_rate": "optim.peak_lr",
  "layerwise_decay": "optim.layer_decay",
  "lr": "optim.peak_lr",
  "network": "model.name",
  "num_epochs": "train.epochs",
  "num_workers": "data.workers",
  "optimizer": "optim.name",
  "pretrained": "init.weights",
  "random_seed": "seed",
  "t": "method.temperature",
  "tau": "method.temperature",
  "temp": "method.temperature",
  "threads": "data.workers",
  "warmup": "optim.warmup_epochs",
  "wd": "optim.weight_decay",
  "weights": "init.weights",
}


def unknown(name: str, fields: Mapping[str, Field]) -> str:
  """Returns a sentence about a field that does not exist, with its neighbours.

  Args:
    name: Dotted name, such as "optim.lr".
    fields: The fields that there are, by dotted name.
  """
  said = f"{name} is not a field."
  near = neighbours(name, fields)
  if not near:
    return f"{said} `suncet-jax fields` lists them all."
  group = name.rpartition(".")[0]
  shown = [_within(group, other) for other in near]
  # The meaning tells whether it is the right one, where there is only one.
  meaning = f" {near[0]}: {fields[near[0]].doc}" if len(near) == 1 else ""
  return f"{said} Did you mean {_either(shown)}?{meaning}"


def neighbours(name: str, fields: Mapping[str, Field]) -> list[str]:
  """Returns the fields that may be meant by a name, the likeliest first.

  Args:
    name: Dotted name that is not among the fields.
    fields: The fields that there are, by dotted name.
  """
  found = dict.fromkeys(
    other for other in _candidates(name, tuple(fields)) if other in fields
  )
  return list(found)[:_SHOWN]


def _candidates(name: str, fields: Sequence[str]) -> Iterator[str]:
  """Yields what may be meant by a name; the surer ways come first."""
  group, _, last = name.rpartition(".")
  beside = {
    f.rpartition(".")[2]: f for f in fields if f.startswith(f"{group}.")
  }
  alike = difflib.get_close_matches(last, beside, _SHOWN, cutoff=0.7)
  also = _ALSO_CALLED.get(last.lower(), "")
  # A part's own field counts before that of all, such as optim.parts.head.lr.
  also = beside.get(also.rpartition(".")[2], also)
  if also in fields or alike:
    yield from [also] if also in fields else [beside[near] for near in alike]
    return
  # The right name in another group, such as train.batch_size.
  yield from (f for f in fields if f.rpartition(".")[2] == last)
  yield from difflib.get_close_matches(name, fields, 1, cutoff=0.8)
  if words := [beside[n] for n in beside if last in n.split("_")]:
    yield from words
    return
  lasts = {field.rpartition(".")[2] for field in fields}
  near = difflib.get_close_matches(last, lasts, 1, cutoff=0.8)
  yield from (f for f in fields if f.rpartition(".")[2] in near)


def _within(group: str, name: str) -> str:
  """Returns a name in quotes: the last part if the group is right."""
  of, _, last = name.rpartition(".")
  return f'"{last if of == group else name}"'


def _either(names: Sequence[str]) -> str:
  *others, last = names
  return f"{', '.join(others)} or {last}" if others else last
