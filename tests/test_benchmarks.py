"""The benchmarks time the same networks, and print a table."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest

from suncet_jax import losses, models
from suncet_jax.architectures import MODEL_NAMES, STEMS
from suncet_jax.config import base

_FOLDER = pathlib.Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def flax_step(monkeypatch):
  monkeypatch.syspath_prepend(_FOLDER)
  import flax_step

  return flax_step


def _both(flax_step, name, stem):
  """Returns our model and the plain Flax one."""
  config = base().model
  config.name, config.stem = name, stem
  plain = flax_step.Encoder(MODEL_NAMES[name], STEMS[stem])
  return models.build(config), plain


@pytest.mark.parametrize(
  ("name", "stem"),
  [
    ("resnet8", "cifar"),
    ("resnet18", "cifar"),
    ("wrn28_2", "cifar"),
    ("resnet50", "imagenet"),
  ],
)
def test_plain_flax_has_the_same_parameters(flax_step, name, stem):
  ours, plain = _both(flax_step, name, stem)
  key = jax.random.key(0)
  expected = jax.eval_shape(lambda: ours.init(key, (32, 32, 3)))
  images = jax.ShapeDtypeStruct((1, 32, 32, 3), np.float32)
  found = jax.eval_shape(lambda x: plain.init(key, x, train=False), images)
  assert found["params"] == expected[0]


@pytest.mark.parametrize(
  ("name", "stem"), [("resnet8", "imagenet"), ("wrn28_2", "cifar")]
)
def test_plain_flax_gives_the_same_projections(flax_step, name, stem):
  ours, plain = _both(flax_step, name, stem)
  params, batch_stats = ours.init(jax.random.key(0), (16, 16, 3))
  images = np.random.default_rng(0).random((4, 16, 16, 3), np.float32)
  expected = jax.jit(
    lambda x: ours.apply(params, batch_stats, x, train=True)[0].projection
  )(images)
  variables = {
    "params": params,
    "batch_stats": {"backbone": batch_stats["backbone"]},
  }
  found = jax.jit(
    lambda x: plain.apply(variables, x, train=True, mutable=["batch_stats"])[0]
  )(images)
  np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_plain_ntxent_is_ours(flax_step):
  rows = jax.random.normal(jax.random.key(0), (12, 5))
  expected = losses.ntxent(rows[:6], rows[6:], temperature=0.1)
  np.testing.assert_allclose(flax_step.ntxent(rows), expected, rtol=1e-5)


def test_step_prints_a_table():
  command = [
    sys.executable,
    _FOLDER / "step.py",
    "--rows=tiny",
    "--columns=flax_fp32,ours_fp32",
    "--repeats=2",
  ]
  # It compiles more than it computes.
  environment = {**os.environ, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
  result = subprocess.run(
    command, capture_output=True, text=True, check=True, env=environment
  )
  head, rule, row = (
    line.strip("|").split("|")
    for line in result.stdout.splitlines()
    if line.startswith("|")
  )
  assert [cell.strip() for cell in head[1:]] == [
    "plain Flax fp32",
    "ours fp32",
    "plain Flax fp32 / ours fp32",
  ]
  assert len(row) == len(rule) == len(head)
  *times, ratio = row[1:]
  assert all(float(time.split("(")[0]) > 0 for time in times)
  assert float(ratio) > 0


@pytest.mark.slow
def test_memory_is_told_by_option():
  command = [
    sys.executable,
    _FOLDER / "step_memory.py",
    "--row=tiny",
    "--options=at once,4 micro-batches",
    "--repeats=1",
  ]
  result = subprocess.run(command, capture_output=True, text=True, check=True)
  rows = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in result.stdout.splitlines()
    if line.startswith("|")
  ]
  assert rows[0] == ["", "kept, MB", "temporaries, MB", "ms per step"]
  (whole, kept, *_), (parts, kept_of_parts, *_) = rows[2:]
  assert (whole, parts) == ("at once", "4 micro-batches")
  assert float(kept) > float(kept_of_parts)


def test_a_column_that_fails_is_named(monkeypatch):
  monkeypatch.syspath_prepend(_FOLDER)
  import workers

  with workers.Worker("no_such_module:make") as worker:
    seconds, failures = workers.take_turns({"x": worker}, rounds=1, steps=1)
  assert seconds == {}
  assert failures == {
    "x": "ModuleNotFoundError: No module named 'no_such_module'"
  }


def test_the_layers_timed_are_those_of_the_network(monkeypatch):
  monkeypatch.syspath_prepend(_FOLDER)
  import layers

  config = base().model
  config.name, config.stem = "resnet50", "imagenet"
  model = models.build(config)
  params, _ = jax.eval_shape(
    lambda k: model.init(k, (224, 224, 3)), jax.random.key(0)
  )
  kernels = [
    leaf.shape
    for path, leaf in jax.tree_util.tree_leaves_with_path(params["backbone"])
    if leaf.ndim == 4 and "stem" not in jax.tree_util.keystr(path)
  ]
  timed = [
    (layer.kernel, layer.kernel, layer.channels, layer.features)
    for layer in layers.resnet50()
    for _ in range(layer.times)
  ]
  assert sorted(timed) == sorted(kernels)


@pytest.fixture
def benchmarks_path(monkeypatch):
  monkeypatch.syspath_prepend(_FOLDER)


def _tables(text):
  """Returns each markdown table as {title: cell} of its only row."""
  lines = text.splitlines()
  starts = [i - 1 for i, line in enumerate(lines) if line.startswith("|---")]
  return [
    dict(
      zip(
        *(
          [cell.strip() for cell in lines[at].strip("|").split("|")]
          for at in (start, start + 2)
        ),
        strict=True,
      )
    )
    for start in starts
  ]


@pytest.mark.slow
def test_losses_print_tables_of_times_memory_and_limits():
  command = [
    sys.executable,
    _FOLDER / "losses.py",
    "--rows=64x8",
    "--columns=ours_fp32,ours_bf16,materialised,optax,ours_supcon,limit",
    "--repeats=2",
    "--rss=64x8",
  ]
  environment = {**os.environ, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
  result = subprocess.run(
    command, capture_output=True, text=True, check=True, env=environment
  )
  tables = _tables(result.stdout)
  assert len(tables) == 2 * 3
  for cells in tables:
    assert cells.pop("n x d") == "64x8"
    # Limits of so little work may round to nothing.
    numbers = [float(cell.split(" ")[0]) for cell in cells.values()]
    assert all(number >= 0 for number in numbers)
  times, memory, limits, *of_suncet = tables
  assert list(times) == [
    "ours fp32",
    "ours bf16",
    "ours materialised",
    "optax",
    "optax / ours fp32",
    "ours materialised / ours fp32",
  ]
  assert all(float(cell.split(" ")[0]) > 0 for cell in times.values())
  peaks = [cell.split(" / ")[1] for cell in memory.values()]
  assert all(float(peak) > 10 for peak in peaks)
  assert float(limits["fp32 products, GF/s"]) >= 0
  assert "ours, SupCon" in of_suncet[0]
  assert "MB at its peak." in result.stdout


@pytest.mark.usefixtures("benchmarks_path")
def test_columns_that_do_not_fit_are_measured_in_groups():
  import loss_columns
  import loss_measure
  from loss_rows import Row

  row, columns = Row(4096, 128), loss_columns.COLUMNS["ntxent"]
  references = {"ours_fp32", "ours_bf16"}
  budget = 21e9
  possible = {
    name: column
    for name, column in columns.items()
    if not loss_measure._too_large(column, row, budget)
  }
  assert set(columns) - set(possible) == {"metric_learning"}
  groups = loss_measure._groups(row, possible, references, budget)
  assert len(groups) > 1
  assert set().union(*groups) == set(possible)
  for names in groups:
    assert references <= set(names)
    assert sum(columns[name].bytes_needed(row) for name in names) <= budget


@pytest.mark.usefixtures("benchmarks_path")
def test_the_limit_is_the_time_of_the_best_rates():
  import loss_limits
  from loss_rows import Row

  rates = {"float32": {"a": [9.0, 2.0, 2.0], "b": [1.0, 4.0, 4.0]}}
  assert loss_limits.best(rates, "float32", turns=2) == [4.0, 4.0]
  symmetric, textbook = loss_limits.METHODS
  row = Row(n=32, d=8)
  products, exponentials = 4.0 * 32**2 * 8, 32.0**2
  assert loss_limits.seconds(symmetric, row, [products], [exponentials]) == [2]
  assert loss_limits.seconds(textbook, row, [products], [exponentials]) == [3.5]


def _assert_same_function(value, gradient, loss, row):
  import loss_ours

  ours = loss_ours.function(loss, "fp32", row)
  expected = jax.jit(jax.value_and_grad(ours))(row.embeddings())
  np.testing.assert_allclose(value, expected[0], rtol=1e-4)
  np.testing.assert_allclose(gradient, expected[1], rtol=1e-3, atol=1e-5)


@pytest.mark.usefixtures("benchmarks_path")
def test_optax_computes_our_ntxent():
  import loss_optax
  from loss_rows import Row

  row = Row(64, 8)
  step = jax.jit(jax.value_and_grad(loss_optax.function(row)))
  _assert_same_function(*step(row.embeddings()), "ntxent", row)


@pytest.mark.parametrize(
  ("theirs", "package", "ours"),
  [
    ("ntxent", "torch", "ntxent"),
    ("suncet", "torch", "suncet"),
    ("lightly_ntxent", "lightly", "ntxent"),
    ("metric_learning_ntxent", "pytorch_metric_learning", "ntxent"),
    ("metric_learning_supcon", "pytorch_metric_learning", "supcon"),
  ],
)
@pytest.mark.usefixtures("benchmarks_path")
def test_what_is_timed_in_pytorch_computes_our_loss(theirs, package, ours):
  torch = pytest.importorskip("torch")
  if importlib.util.find_spec(package) is None:
    pytest.skip(f"{package} is not installed")
  import loss_torch
  from loss_rows import Row

  row = Row(64, 8)
  embeddings = torch.from_numpy(row.embeddings()).requires_grad_()
  value = loss_torch.LOSSES[theirs](row)(embeddings)
  value.backward()
  _assert_same_function(value.item(), embeddings.grad.numpy(), ours, row)


def test_input_prints_images_per_second():
  command = [
    sys.executable,
    _FOLDER / "input.py",
    "--rows=tiny",
    "--columns=ours_host,ours",
    "--repeats=1",
    "--method_state=",
  ]
  result = subprocess.run(command, capture_output=True, text=True, check=True)
  (cells,) = _tables(result.stdout)
  assert cells.pop("images").startswith("tiny")
  assert list(cells) == ["ours, host part only", "ours, whole"]
  assert all(
    float(c.split(" ")[0].replace(",", "")) > 0 for c in cells.values()
  )


@pytest.mark.usefixtures("benchmarks_path")
def test_a_stream_is_opened_far_into_a_training():
  import input_opening

  facts = input_opening.make(10_000, records=2000, classes=20).facts()
  assert 0 < facts["splits"] < 10
  assert 0 < facts["batch"] < 10
  assert facts["peak_before"] <= facts["peak_after"]


@pytest.mark.usefixtures("benchmarks_path")
def test_the_share_of_waiting_is_that_of_the_time():
  import input_waiting

  lines = (
    "step,images_seen,images_per_second,input_wait_share",
    "5,50,,",
    "10,100,50,0.4",
    "15,150,12.5,0.0",
  )
  assert input_waiting.summary("\n".join(lines)) == pytest.approx(
    {"wait_share": 0.08, "seconds": 0.5, "rows": 10, "steps": 10}
  )


@pytest.mark.parametrize("form", ["pil", "tensor"])
@pytest.mark.usefixtures("benchmarks_path")
def test_torchvision_makes_views_of_our_range(form):
  torch = pytest.importorskip("torch")
  if importlib.util.find_spec("torchvision") is None:
    pytest.skip("torchvision is not installed")
  import input_torch
  from input_rows import ROWS
  from PIL import Image

  image = Image.new("RGB", (40, 30), (255, 0, 128))
  source = (
    image if form == "pil" else input_torch.v2.functional.pil_to_tensor(image)
  )
  view = input_torch.FORMS[form](ROWS["arrays_blur"].augment)(source)
  assert view.shape == (3, 32, 32)
  assert view.dtype == torch.float32
  assert 0 <= view.min() <= view.max() <= 1
