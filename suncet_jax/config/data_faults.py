"""Faults in combinations of fields of data and images."""

from collections.abc import Iterator

from ml_collections import ConfigDict

from suncet_jax.config.clip_faults import clip_faults
from suncet_jax.errors import UserError
from suncet_jax.files.paths import expanded

_SCHEME = "tfds:"  # prefix of a list that TFDS provides
_OF_CLASSES = (
  "a folder with one sub-folder per class, or a CSV file with the columns path "
  "and label"
)


def data_faults(config: ConfigDict) -> Iterator[str]:
  """Yields faults in the combination of fields."""
  yield from _source_faults(config.data)
  yield from _test_faults(config.data)
  yield from _label_faults(config.data)
  yield from _validation_faults(config)
  yield from _image_faults(config)
  yield from clip_faults(config)


def file_faults(config: ConfigDict) -> Iterator[str]:
  """Yields a fault for each list of images that is not on this machine."""
  for name in ("labelled", "validation"):
    path = config.data[name].file
    if not path or path.startswith(_SCHEME) or "://" in path:
      continue
    try:
      is_there = expanded(path).is_file()
    except UserError as error:
      yield f"data.{name}.file: {error}"
      continue
    if not is_there:
      yield (
        f"data.{name}.file {path!r} does not exist. The lists of ImageNet are "
        "imagenet_subsets/1percent.txt and 10percent.txt of "
        "https://github.com/google-research/simclr: fetch one and set "
        f"--config.data.{name}.file to it, or to "
        "tfds:imagenet2012_subset/10pct."
      )


def _source_faults(data: ConfigDict) -> Iterator[str]:
  if data.source == "tfds" and not data.tfds_name:
    yield "data.tfds_name is empty, expected a TFDS name such as 'cifar10'."
  if data.source != "tfds" and data.reading != "memory":
    yield (
      f"data.reading is {data.reading!r}, which only data.source 'tfds' has; "
      f"the source is {data.source!r}."
    )
  if data.test_split == "train":
    yield "data.test_split is 'train', which is trained on; expected another."
  for name in ("train", "test", "unlabelled"):
    if not _has_files(data) and data[name]:
      yield (
        f"data.{name} is {data[name]!r}, which only data.source 'folder' has, "
        f"and clips of files; the source is {_described(data)}."
      )
  if _has_files(data) and not data.train:
    yield f"data.train is empty, expected {_OF_CLASSES}."
  if _has_files(data) and data.train and data.train == data.test:
    yield f"data.train and data.test are both {data.train!r}."


def _has_files(data: ConfigDict) -> bool:
  """Returns whether data.train and data.test name the images, or clips."""
  of_clips = data.source == "clips" and not data.clips.synthetic
  return data.source == "folder" or of_clips


def _described(data: ConfigDict) -> str:
  made = data.clips.synthetic if data.source == "clips" else ""
  return repr(data.source) + (f", made in code ({made})" if made else "")


def _test_faults(data: ConfigDict) -> Iterator[str]:
  """Yields faults in where the test images come from."""
  share = data.test_fraction
  if share and not _has_files(data):
    yield (
      f"data.test_fraction is {share}, which only data.source 'folder' has, "
      f"and clips of files; the source is {_described(data)}."
    )
  elif share and data.test:
    yield (
      f"data.test is {data.test!r} and data.test_fraction {share}, expected "
      "one of the two."
    )
  elif _has_files(data) and not share and not data.test:
    yield (
      f"data.test is empty, expected {_OF_CLASSES}. If there are no test "
      "images, --config.data.test_fraction=0.2 splits a fifth of the labelled "
      "training images off."
    )
  lists = [n for n in ("labelled", "validation") if share and data[n].file]
  for name in lists:
    yield (
      f"data.test_fraction may take images that data.{name}.file names; name "
      "the test images too, by a CSV file as data.test."
    )


def _label_faults(data: ConfigDict) -> Iterator[str]:
  labelled = data.labelled
  given = [n for n in ("per_class", "fraction", "file") if labelled[n]]
  if len(given) != 1:
    yield (
      "data.labelled needs exactly one of per_class, fraction and file; "
      f"given: {', '.join(given) or 'none'}."
    )


def _validation_faults(config: ConfigDict) -> Iterator[str]:
  validation = config.data.validation
  if validation.per_class and validation.file:
    yield (
      f"data.validation has per_class {validation.per_class} and file "
      f"{validation.file!r}, expected one of the two."
    )
  has_some = validation.per_class or validation.file
  if config.evals.every_epochs and not has_some:
    yield (
      "evals.every_epochs measures kNN on validation images, but "
      "data.validation.per_class is 0; set one of the two."
    )


def _image_faults(config: ConfigDict) -> Iterator[str]:
  data = config.data
  if data.resize < data.centre_crop:
    yield (
      f"data.resize {data.resize} is smaller than data.centre_crop "
      f"{data.centre_crop}."
    )
  mean, std = config.augment.mean, config.augment.std
  if len(mean) != len(std) or any(value <= 0 for value in std):
    yield (
      f"augment.mean {tuple(mean)} and augment.std {tuple(std)} need one "
      "value per channel each, and std values > 0."
    )
