"""Work on batches ahead of their use, in order, by a pool of threads."""

import collections
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from typing import TypeVar

Request = TypeVar("Request")
Result = TypeVar("Result")

# Batches in preparation while one is used. Two would keep the device busy; four
# also leave time for processes to agree on a step to stop at when one of them
# cannot prepare its part (see suncet_jax.train.loop).
BATCHES_AHEAD = 4


def in_order(
  begin: Callable[[Request], tuple[Result, list[Future]]],
  requests: Iterable[Request],
) -> Iterator[Result]:
  """Yields the results of requests, some of which are begun ahead.

  Args:
    begin: Starts the work on a request; returns its result, which is ready
      when all of the futures are done.
    requests: Asked for the next one only when there is room for it.

  Yields:
    One result per request.

  Raises:
    Exception: Whatever the work raises, in place of its result.
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
