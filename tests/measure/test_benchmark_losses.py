"""The benchmark of losses: the same functions, in tables of what they take."""

import importlib.util

import jax
import numpy as np
import programs
import pytest

from benchmarks.losses import jax_jobs, limits, measure
from benchmarks.losses.columns import COLUMNS, Embeddings


@pytest.mark.slow
def test_losses_print_tables_of_times_memory_and_limits():
  text = programs.output(
    "benchmarks.losses",
    "--rows=64x8",
    "--columns=ours_fp32,ours_bf16,materialised,optax,ours_supcon,limit",
    "--repeats=2",
    "--rss=64x8",
    optimized=False,
  )
  tables = programs.tables(text)
  assert len(tables) == 2 * 3
  for cells in tables:
    assert cells.pop("n x d") == "64x8"
    # Limits of so little work may round to nothing.
    numbers = [float(cell.split(" ")[0]) for cell in cells.values()]
    assert all(number >= 0 for number in numbers)
  times, memory, shares, *of_suncet = tables
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
  assert float(shares["fp32 products, GF/s"]) >= 0
  assert "ours, SupCon" in of_suncet[0]
  assert "MB at its peak." in text


def test_columns_that_do_not_fit_are_measured_in_groups():
  row, columns = Embeddings(4096, 128), COLUMNS["ntxent"]
  references = {"ours_fp32", "ours_bf16"}
  budget = 21e9
  possible = {
    name: column
    for name, column in columns.items()
    if not measure._too_large(column, row, budget)
  }
  assert set(columns) - set(possible) == {"metric_learning"}
  groups = measure._groups(row, possible, references, budget)
  assert len(groups) > 1
  assert set().union(*groups) == set(possible)
  for names in groups:
    assert references <= set(names)
    assert sum(columns[name].bytes_needed(row) for name in names) <= budget


def test_the_limit_is_the_time_of_the_best_rates():
  rates = {"float32": {"a": [9.0, 2.0, 2.0], "b": [1.0, 4.0, 4.0]}}
  assert limits.best(rates, "float32", turns=2) == [4.0, 4.0]
  symmetric, textbook = limits.METHODS
  row = Embeddings(n=32, d=8)
  products, exponentials = 4.0 * 32**2 * 8, 32.0**2
  assert limits.seconds(symmetric, row, [products], [exponentials]) == [2]
  assert limits.seconds(textbook, row, [products], [exponentials]) == [3.5]


def _assert_same_function(value, gradient, loss, row):
  ours = jax_jobs.our_loss(loss, "fp32", row)
  expected = jax.jit(jax.value_and_grad(ours))(row.values())
  np.testing.assert_allclose(value, expected[0], rtol=1e-4)
  np.testing.assert_allclose(gradient, expected[1], rtol=1e-3, atol=1e-5)


def test_optax_computes_our_ntxent():
  row = Embeddings(64, 8)
  step = jax.jit(jax.value_and_grad(jax_jobs.optax_ntxent(row)))
  _assert_same_function(*step(row.values()), "ntxent", row)


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
def test_what_is_timed_in_pytorch_computes_our_loss(theirs, package, ours):
  torch = pytest.importorskip("torch")
  if importlib.util.find_spec(package) is None:
    pytest.skip(f"{package} is not installed")
  from benchmarks.losses import torch_jobs

  row = Embeddings(64, 8)
  embeddings = torch.from_numpy(row.values()).requires_grad_()
  value = torch_jobs.LOSSES[theirs](row)(embeddings)
  value.backward()
  _assert_same_function(value.item(), embeddings.grad.numpy(), ours, row)
