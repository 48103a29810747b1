"""Of two runs on one folder of a bucket, the second is refused."""

import threading
import time

import pytest

from suncet_jax.config import base
from suncet_jax.workdir import lease
from suncet_jax.workdir.folder import FolderInUseError, RunFolder
from suncet_jax.workdir.lease import Lease


@pytest.fixture(autouse=True)
def _in_a_hurry(bucket, monkeypatch):
  monkeypatch.setattr(lease, "SECONDS_TO_RENEWAL", 0.2)
  monkeypatch.setattr(lease, "SECONDS_TO_EXPIRY", 4.0)
  at_exit = []
  monkeypatch.setattr(lease.atexit, "register", at_exit.append)
  yield
  for release in at_exit:
    release()


def _kill(owner):
  """Ends an owner's renewals as a kill does: without giving back."""
  owner._released.set()
  owner._renewal.join()


def test_the_second_run_on_a_folder_is_refused(bucket):
  first = RunFolder("gs://bucket/run")
  first.claim(base())
  assert "run/owner" in bucket.names()
  with pytest.raises(
    FolderInUseError, match="Another process is at work in gs://b"
  ):
    RunFolder("gs://bucket/run").claim(base())
  RunFolder("gs://bucket/other").claim(base())
  first._lock.release()
  assert "run/owner" not in bucket.names()
  RunFolder("gs://bucket/run").claim(base())


def test_a_killed_owner_gives_way_but_only_when_expired(bucket):
  killed, next_one = Lease("gs://bucket/killed"), Lease("gs://bucket/killed")
  assert killed.take()
  _kill(killed)
  start = time.monotonic()
  assert next_one.take()
  assert time.monotonic() - start >= 4.0
  next_one.release()


def test_of_two_at_once_one_is_let_in(bucket):
  claims = [Lease("gs://bucket/both") for _ in range(4)]
  taken = []
  start = threading.Barrier(4)

  def take(claim):
    start.wait()
    taken.append(claim.take())

  threads = [threading.Thread(target=take, args=(c,)) for c in claims]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert sorted(taken) == [False, False, False, True]


def test_an_owner_that_was_cut_off_learns_of_the_next(bucket):
  lost = threading.Event()
  first = Lease("gs://bucket/cut", if_lost=lost.set)
  assert first.take()
  time.sleep(0.5)  # renewed by now
  assert not lost.is_set()
  bucket.write("cut/owner", b"the next one")
  assert lost.wait(timeout=30)
  assert bucket.read("cut/owner") == b"the next one"
