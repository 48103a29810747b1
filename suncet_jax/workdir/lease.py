"""Lease of a folder in a bucket, where nothing can be locked.

An object there is the owner's, who writes it again and again. Each write is on
condition that nobody else's came between: of two who claim the folder at once
one loses. Whoever finds an object that is no longer written takes it over.
"""

import atexit
import os
import sys
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from absl import logging

SECONDS_TO_RENEWAL = 10.0
SECONDS_TO_EXPIRY = 45.0  # several renewals may fail

_KEY = b"owner"
_SECONDS_TO_ANSWER = 30.0


def _end() -> None:
  print(
    "Error: another process has taken over the folder, since this one did not "
    f"answer for {SECONDS_TO_EXPIRY:.0f} s; it ends, so that they do not "
    "overwrite each other's files.",
    file=sys.stderr,
    flush=True,
  )
  os._exit(1)


class Lease:
  """The right to write to a folder, as long as this process is alive."""

  def __init__(self, folder: str, *, if_lost: Callable[[], Any] = _end) -> None:
    """Claims nothing yet.

    Args:
      folder: URL gs://bucket/folder, or of another store of TensorStore's.
      if_lost: Called, in a thread, when another process has taken over, which
        it does only after this one was cut off for long.
    """
    # Orbax brings it; it tells conditional writes, which epath lacks.
    import tensorstore

    self._store = tensorstore.KvStore.open(folder.rstrip("/") + "/").result(
      timeout=_SECONDS_TO_ANSWER
    )
    self._value = uuid.uuid4().hex.encode()
    self._generation = b""
    self._if_lost = if_lost
    self._released = threading.Event()
    self._renewal = threading.Thread(target=self._renew, daemon=True)

  def take(self) -> bool:
    """Takes the folder unless another process is alive in it.

    Returns:
      Whether it is taken. That takes a moment where nobody was at work, or
      ended as it should; until the expiry where somebody was killed.
    """
    found = self._read()
    if found.state == "value":
      logging.warning(
        "Another process is at work in this folder, or was killed: it shows "
        "within %.0f s.",
        SECONDS_TO_EXPIRY,
      )
      found = self._watch(found.stamp.generation)
    if found is None or not self._write(found.stamp.generation):
      return False
    self._renewal.start()
    atexit.register(self.release)
    return True

  def release(self) -> None:
    """Gives the folder back."""
    if self._released.is_set():
      return
    self._released.set()
    self._renewal.join()
    try:
      self._store.write(_KEY, None, if_equal=self._generation).result(
        timeout=_SECONDS_TO_ANSWER
      )
    except Exception as error:  # it expires all the same
      logging.warning("The folder could not be given back: %s", error)

  def _watch(self, generation: bytes) -> Any | None:
    """Returns what is there once its owner is known to be gone, else None."""
    deadline = time.monotonic() + SECONDS_TO_EXPIRY
    while True:
      time.sleep(SECONDS_TO_RENEWAL / 10)
      found = self._read()
      if found.state != "value":
        return found
      if found.stamp.generation != generation:
        return None
      if time.monotonic() > deadline:
        return found

  def _renew(self) -> None:
    while not self._released.wait(SECONDS_TO_RENEWAL):
      try:
        is_ours = self._write(self._generation)
      except Exception as error:  # of the network: the next may succeed
        logging.warning("The claim to the folder was not renewed: %s", error)
        continue
      if not is_ours:
        self._released.set()
        self._if_lost()

  def _read(self) -> Any:
    return self._store.read(_KEY).result(timeout=_SECONDS_TO_ANSWER)

  def _write(self, expected: bytes) -> bool:
    """Writes on condition that the object is of that generation."""
    written = self._store.write(_KEY, self._value, if_equal=expected).result(
      timeout=_SECONDS_TO_ANSWER
    )
    self._generation = written.generation
    if not self._generation:
      # Or an answer was lost, and what came between was this same write.
      found = self._read()
      if found.value == self._value:
        self._generation = found.stamp.generation
    return bool(self._generation)
