"""The cost of preparing a TFDS data set, and a check for room on the disk."""

import os
import shutil
import tempfile

import tensorflow_datasets as tfds
from etils import epath

from suncet_jax.console import terminal
from suncet_jax.errors import UserError
from suncet_jax.files import storage

# If one is missing, TFDS itself goes on and leaves its split out.
_ARCHIVES = ("ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar")
# Share of the training archive that is part of the data set.
_TRAIN_SHARES = {
  "imagenet2012": 1.0,
  "imagenet2012_subset/10pct": 0.1,
  "imagenet2012_subset/1pct": 0.01,
}


def cost(builder: tfds.core.DatasetBuilder, manual: epath.Path) -> int:
  """Prints the cost of preparing; returns it in bytes, as far as known."""
  if is_imagenet(builder):
    train, validation = _archive_sizes(builder, manual)
    name = builder.info.full_name.rpartition("/")[0]  # without the version
    made = int(train * _TRAIN_SHARES.get(name, 1.0)) + validation
    terminal.say(
      f"from {' and '.join(_ARCHIVES)} in {manual} "
      f"({gigabytes(train + validation)}): about {gigabytes(made)} of disk; "
      "TFDS will say that there is no test split, which has no labels"
    )
    return made
  download = int(builder.info.download_size or 0)
  made = int(builder.info.dataset_size or 0)
  # Each of several configs has its own files: their sum would be wrong.
  if not download and not builder.builder_configs:
    download = sum(
      int(info.size) for info in (builder.url_infos or {}).values()
    )
  terminal.say(f"download: {_known(download)}; prepared: {_known(made)}")
  return download + made


def is_imagenet(builder: tfds.core.DatasetBuilder) -> bool:
  """Returns whether a data set is made of ImageNet's two archives."""
  return builder.name in ("imagenet2012", "imagenet2012_subset")


def _archive_sizes(
  builder: tfds.core.DatasetBuilder, manual: epath.Path
) -> list[int]:
  missing = [name for name in _ARCHIVES if not (manual / name).exists()]
  if missing:
    versions = storage.matching(builder.data_path.parent, "*/dataset_info.json")
    others = sorted(path.parent.name for path in versions)
    other = (
      f" Version {others[0]} is there: --dataset={builder.name}:{others[0]} "
      "uses it."
      if others
      else ""
    )
    raise UserError(
      f"{builder.name} is made from {' and '.join(_ARCHIVES)}; "
      f"{' and '.join(missing)} not found in {manual}. Register at "
      "https://image-net.org/download-images, fetch both files and set "
      f"--manual_dir to their folder.{other}"
    )
  return [(manual / name).stat().length for name in _ARCHIVES]


def check_target(folder: epath.Path, needed: int) -> None:
  """Checks that a folder is writable and has enough free space."""
  if "://" in os.fspath(folder):  # a bucket has room
    return
  try:
    folder.mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=folder).close()
  except OSError as error:
    raise UserError(
      f"{folder} cannot be written: {error.strerror}. Set --data_dir."
    ) from error
  free = shutil.disk_usage(folder).free
  terminal.say(f"free: {gigabytes(free)}")
  if free < needed:
    raise UserError(
      f"{folder} has {gigabytes(free)} free, but {gigabytes(needed)} are "
      "needed. Set --data_dir to a larger disk."
    )


def gigabytes(size: int) -> str:
  """Formats a number of bytes as MB or GB."""
  return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"


def _known(size: int) -> str:
  return gigabytes(size) if size else "unknown to TFDS"
