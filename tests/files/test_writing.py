"""A file is there in full or as it was before, and a full disk ends no run."""

import pytest

from suncet_jax.files import storage
from suncet_jax.workdir.metrics_csv import MetricsFile


@pytest.fixture
def full_disk(monkeypatch):
  """Fills and empties the disk."""
  kind = type(storage.epath.Path("."))
  real = kind.write_bytes

  def write_bytes(path, content):
    real(path, content[:3])
    raise OSError("No space left on device")

  def fill(is_full):
    monkeypatch.setattr(kind, "write_bytes", write_bytes if is_full else real)

  return fill


def test_a_write_that_fails_leaves_the_old_file(tmp_path, full_disk):
  storage.write(tmp_path / "new" / "file", b"before")
  full_disk(True)
  with pytest.raises(OSError, match="No space"):
    storage.write(tmp_path / "new" / "file", b"after")
  assert (tmp_path / "new" / "file").read_bytes() == b"before"
  assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]
  full_disk(False)
  storage.write(tmp_path / "new" / "file", b"after")
  assert (tmp_path / "new" / "file").read_bytes() == b"after"


def test_metrics_wait_for_room_on_the_disk(tmp_path, full_disk, caplog):
  table = MetricsFile(tmp_path / "metrics.csv", 0)
  table.add({"step": 1})
  full_disk(True)
  table.add({"step": 2})
  table.write()
  assert "metrics.csv could not be written: No space left" in caplog.text
  assert (tmp_path / "metrics.csv").read_text() == "step\n1\n"
  full_disk(False)
  table.write()
  assert (tmp_path / "metrics.csv").read_text() == "step\n1\n2\n"
