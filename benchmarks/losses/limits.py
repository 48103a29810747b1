"""Limit of a loss: the time of its products and exponentials alone."""

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from benchmarks.losses.columns import Embeddings

# Work per second of each turn, by kind and size (see `limit_job`).
Rates = Mapping[str, Mapping[str, Sequence[float]]]


class Method(NamedTuple):
  """Work of a method on the similarity matrix, forward and backward.

  Attributes:
    title: Title in the table.
    products: Number of products of [n, d] and [d, n], or as large.
    exponentials: Number of exponentials of [n, n].
  """

  title: str
  products: int
  exponentials: int


METHODS = (
  # The value needs half of the symmetric matrix, the gradient half of it again
  # and one product.
  Method("symmetric", products=2, exponentials=1),
  # All of the matrix for the value, again for the gradient, and one product;
  # or kept for the gradient, which then takes two products.
  Method("textbook", products=3, exponentials=2),
)


def best(rates: Rates, kind: str, turns: int) -> list[float]:
  """Returns the rates of the fastest size in the last turns.

  Args:
    rates: Rates of all turns, those of the warm-up first.
    kind: Key of `rates`.
    turns: Number of turns that count.
  """
  measured = [list(size[-turns:]) for size in rates[kind].values()]
  return max(measured, key=statistics.median)


def seconds(
  method: Method,
  row: Embeddings,
  products: Sequence[float],
  exps: Sequence[float],
) -> list[float]:
  """Returns the limit in each turn.

  Args:
    method: Method that computes the loss.
    row: Embeddings that it gets.
    products: Floating-point operations per second of each turn.
    exps: Exponentials per second of each turn.
  """
  operations = method.products * 2 * row.n**2 * row.d
  exponentials = method.exponentials * row.n**2
  return [
    operations / product + exponentials / exp
    for product, exp in zip(products, exps, strict=True)
  ]
