"""Prefetching: a pool of threads prepares batches ahead of their use."""

import collections
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

Request = TypeVar("Request")
Result = TypeVar("Result")

# Batches in preparation while one is in use. Two would keep the device busy;
# four also give processes the time to agree on a last step when one of them
# cannot prepare its part (see suncet_jax.train.loop).
BATCHES_AHEAD = 4


def in_order(
  begin: Callable[[Request], tuple[Result, list[Future]]],
  requests: Iterable[Request],
) -> Iterator[Result]:
  """Yields the results of requests in order, starting some ahead.

  Args:
    begin: Function that starts the work on a request; returns its result, which
      is ready when all of the futures are done.
    requests: Requests; the next one is taken only when there is room for it.

  Yields:
    One result per request.

  Raises:
    Exception: Any error of the work, in place of its result.
  """
  pending: collections.deque[tuple[Result, list[Future]]] = collections.deque()
  try:
    for request in requests:
      pending.append(begin(request))
      if len(pending) > BATCHES_AHEAD:
        yield _finished(*pending.popleft())
    while pending:
      yield _finished(*pending.popleft())
  finally:
    for _, futures in pending:
      for future in futures:
        future.cancel()


def _finished(result: Result, futures: list[Future]) -> Result:
  for future in futures:
    future.result()
  return result
