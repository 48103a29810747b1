"""The folder of a run: its lock, configuration, results and file names."""

import fcntl
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from absl import logging
from etils import epath
from ml_collections import ConfigDict

from suncet_jax.config import as_begun, differences
from suncet_jax.errors import RunError, UserError
from suncet_jax.files import storage
from suncet_jax.files.formats import (
  as_json,
  read_json,
  read_json_if_there,
  write_csv,
  write_json,
)
from suncet_jax.plugins import Series
from suncet_jax.workdir import literal_path
from suncet_jax.workdir.lease import Lease


class FolderError(UserError):
  """The folder cannot be used for this run."""


class FolderInUseError(RunError):
  """Another process is using the folder; it may be free later."""


class RunFolder:
  """The files of a run, by name.

  Attributes:
    path: Path of the folder.
    checkpoints: Folder of the checkpoints.
    result: Path of result.json, which is written last.
  """

  def __init__(self, path: epath.PathLike) -> None:
    """Initializes without touching files.

    Args:
      path: Path of a folder, local or gs://bucket/folder.

    Raises:
      FolderError: If the path is a URL of another kind.
    """
    self._in_bucket = storage.in_bucket(path)
    if self._in_bucket and not os.fspath(path).startswith("gs://"):
      raise FolderError(
        f"--workdir is {os.fspath(path)!r}, expected a folder, or one of a "
        "bucket such as gs://bucket/folder."
      )
    # Orbax needs absolute paths; those of buckets are.
    self.path = storage.absolute(path)
    self.checkpoints = self.path / "checkpoints"
    self.result = self.path / "result.json"
    self._config = self.path / "config.json"
    self._start = self.path / "init.json"
    self._lock: TextIO | Lease | None = None

  def claim(self, config: ConfigDict) -> dict[str, Any]:
    """Locks the folder and checks that it is new or of this configuration.

    Returns:
      The configuration that its run keeps, as nested dicts; {} if it is new.

    Raises:
      FolderInUseError: If another process is using the folder.
      FolderError: If the folder belongs to another configuration (all
        differences are listed, old -> new), or cannot be written to.
      UserError: If checkpoints cannot be kept under its name.
    """
    literal_path.check(self.checkpoints)
    try:
      if self._in_bucket:
        _check_bucket(self.path)
      with storage.one_kind_of_error():
        self.path.mkdir(parents=True, exist_ok=True)
      self._take_lock()
    except OSError as error:
      raise FolderError(
        f"{self.path} cannot be used as --workdir: {error}. Expected a folder "
        "that can be written to."
      ) from error
    if not self._config.exists():
      return {}
    kept = self.config()
    check_same_config(
      f"{self.path} belongs to", kept, as_begun(config, kept).to_dict()
    )
    return kept

  def keep_config(self, config: ConfigDict) -> None:
    """Writes the configuration, to be called once it is known to work."""
    text = as_json(config.to_dict())
    # Going on must not need space on a full disk.
    if not self._config.exists() or self._config.read_text() != text:
      storage.write(self._config, text.encode())

  def keep_series(self, series: Sequence[Series]) -> None:
    """Keeps what the method says of its metrics, for reports without it."""
    content = {one.name: one._asdict() for one in series}
    write_json(self.path / "series.json", content)

  def keep_start(self, about: Mapping[str, Any]) -> None:
    """Keeps what is said of the weights that the run starts from."""
    write_json(self._start, dict(about))

  def start(self) -> dict[str, Any]:
    """Returns what `keep_start` has kept; {} if the run began from nothing."""
    return read_json_if_there(self._start)

  def keep_test_images(self, rows: Iterable[tuple[str, str]]) -> None:
    """Writes which images were split off as the test set.

    Args:
      rows: Names and classes of the images.
    """
    write_csv(self.path / "test_images.csv", ("path", "label"), rows)

  def config(self) -> dict[str, Any]:
    """Returns the configuration that the folder belongs to.

    Raises:
      FolderError: If the folder holds no run.
    """
    if not self._config.exists():
      raise FolderError(
        f"{self.path} holds no run: {self._config.name} is missing. Give the "
        "--workdir of a run of suncet_jax.main."
      )
    return read_json(self._config)

  def finished_result(self) -> dict[str, Any] | None:
    """Returns the content of result.json if the run is finished, else None."""
    if not self.result.exists():
      return None
    return read_json(self.result)

  def evaluations(self, params_digest: str) -> dict[str, float]:
    """Returns the final metrics that are known for these parameters."""
    known = read_json_if_there(self.path / "evaluations.json")
    is_same = known.get("params_digest") == params_digest
    return known["metrics"] if is_same else {}

  def write_evaluations(
    self, params_digest: str, metrics: dict[str, float]
  ) -> None:
    """Writes the final metrics of these parameters."""
    write_json(
      self.path / "evaluations.json",
      {"params_digest": params_digest, "metrics": metrics},
    )

  def _take_lock(self) -> None:
    """Locks the folder for as long as this process lives."""
    if self._in_bucket:
      with storage.one_kind_of_error():
        lease = Lease(str(self.path))
        is_free = lease.take()
      self._lock = lease
    else:
      self._lock = (Path(self.path) / ".lock").open("w")
      is_free = _lock(self._lock)
    if not is_free:
      raise FolderInUseError(
        f"Another process is at work in {self.path}. Wait for it, end it, or "
        "use another --workdir."
      )


def check_same_config(
  whose: str, old: dict[str, Any], new: dict[str, Any]
) -> None:
  """Checks that a run may go on with a configuration.

  Args:
    whose: Beginning of the message, up to the words "another configuration".
    old: Configuration that the run began with, as nested dicts.
    new: Configuration to go on with, as nested dicts.

  Raises:
    FolderError: If results would differ; all differences are listed.
  """
  changed = differences(old, new)
  if changed:
    lines = "\n".join(f"  {line}" for line in changed)
    raise FolderError(
      f"{whose} another configuration (old -> new):\n"
      f"{lines}\nUse another --workdir, or the configuration it began with."
    )


def _lock(file: TextIO) -> bool:
  """Locks a file until the process ends; returns whether it could."""
  try:
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except BlockingIOError:
    return False
  except OSError as error:  # some network file systems have no locks
    logging.warning("%s cannot be locked: %s", file.name, error)
  return True


def _check_bucket(path: epath.Path) -> None:
  """Checks the requirements of TensorFlow and Orbax for a bucket.

  Raises:
    FolderError: If google-cloud-storage is missing.
    OSError: If there is no such bucket, or reading it is not permitted.
  """
  try:
    # Orbax needs it for buckets, and does not declare it.
    import google.cloud.storage  # noqa: F401
  except ImportError as error:
    raise FolderError(
      f"--workdir {path} needs the package google-cloud-storage ({error}): "
      "pip install google-cloud-storage."
    ) from error
  bucket = "/".join(str(path).split("/")[:3])
  with storage.one_kind_of_error():
    is_there = epath.Path(bucket).exists()
  if not is_there:  # TensorFlow would try for ever to make a folder in it
    raise FileNotFoundError(f"there is no bucket {bucket}")
