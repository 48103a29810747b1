"""A lease on a folder of a bucket, where files cannot be locked.

The owner rewrites an object in the folder at intervals. A write succeeds only
if no other came in between: if two processes claim the folder at once, one of
them fails. A process that finds the object no longer rewritten takes it over.
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

from suncet_jax.console import terminal

SECONDS_TO_RENEWAL = 10.0
SECONDS_TO_EXPIRY = 45.0  # several renewals may fail

_KEY = b"owner"
_SECONDS_TO_ANSWER = 30.0


def _end() -> None:
  terminal.say(
    "Error: another process has taken over the folder, since this one did not "
    f"answer for {SECONDS_TO_EXPIRY:.0f} s; it ends, so that they do not "
    "overwrite each other's files.",
    sys.stderr,
  )
  os._exit(1)


class Lease:
  """The right to write to a folder while this process is alive."""

  def __init__(self, folder: str, *, if_lost: Callable[[], Any] = _end) -> None:
    """Initializes without claiming.

    Args:
      folder: URL of the folder, gs://bucket/folder or of another store of
        TensorStore.
      if_lost: Function that is called, in a thread, when another process has
        taken over, which happens only after a long loss of connection.
    """
    # A dependency of Orbax; it has conditional writes, which epath lacks.
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
    """Takes the folder unless another live process owns it.

    Waits for the lease of a killed process to expire.

    Returns:
      Whether this process now owns the folder.
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
    except Exception as error:  # the lease expires anyway
      logging.warning("The folder could not be given back: %s", error)

  def _watch(self, generation: bytes) -> Any | None:
    """Returns the object once its owner is known to be gone, else None."""
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
      except Exception as error:  # the network: the next may succeed
        logging.warning("The claim to the folder was not renewed: %s", error)
        continue
      if not is_ours:
        self._released.set()
        self._if_lost()

  def _read(self) -> Any:
    return self._store.read(_KEY).result(timeout=_SECONDS_TO_ANSWER)

  def _write(self, expected: bytes) -> bool:
    """Writes if the object still has the expected generation."""
    written = self._store.write(_KEY, self._value, if_equal=expected).result(
      timeout=_SECONDS_TO_ANSWER
    )
    self._generation = written.generation
    if not self._generation:
      # Perhaps an answer was lost, and the other write was this same one.
      found = self._read()
      if found.value == self._value:
        self._generation = found.stamp.generation
    return bool(self._generation)
