"""Lists of image names, from text files or from TFDS's subsets."""

import collections
from typing import TYPE_CHECKING

from etils import epath

from suncet_jax.console.words import shorten
from suncet_jax.data.tfds.place import data_folder
from suncet_jax.errors import UserError
from suncet_jax.files import storage
from suncet_jax.files.network import can_reach
from suncet_jax.files.text import decoded, lines, readable
from suncet_jax.optional import needed_for

if TYPE_CHECKING:
  from tensorflow_datasets.core.download import checksums

_SCHEME = "tfds:"
_SUBSET = "imagenet2012_subset"


def read_names(reference: str, data_dir: str) -> list[str]:
  """Returns the image names of a list, in its order, as `readable` has them.

  Args:
    reference: Text file with one name per line, local or gs://; or
      "tfds:imagenet2012_subset/10pct" (or 1pct), the list behind that data set
      of TFDS. It is fetched once, to the downloads of `data_dir`; the data set
      itself is not needed.
    data_dir: Data folder of TFDS; empty means $TFDS_DATA_DIR or
      ~/tensorflow_datasets.

  Raises:
    ValueError: If the list is not available, is empty, or contains duplicates.
  """
  place = reference
  if reference.startswith(_SCHEME):
    place = _fetched(reference, data_dir)
  try:
    text = decoded(storage.read(place))
  except (OSError, ValueError) as error:
    raise UserError(
      f"The list {reference!r} cannot be read ({error}); expected a text file "
      "in UTF-8 with one image name per line."
    ) from error
  names = [readable(line.strip()) for line in lines(text) if line.strip()]
  if not names:
    raise UserError(f"The list {reference!r} has no names.")
  counts = collections.Counter(names)
  twice = [name for name, count in counts.items() if count > 1]
  if twice:
    raise UserError(
      f"The list {reference!r} has {len(twice)} names more than once: "
      f"{shorten(twice)}."
    )
  return names


def _fetched(reference: str, data_dir: str) -> epath.Path:
  """Returns the path of a list of TFDS, which is downloaded if missing."""
  # Takes half a second to import, and may be absent: text files do without.
  with needed_for(f"The list {reference!r}"):
    import tensorflow_datasets as tfds
    from tensorflow_datasets.core.download import checksums, resource

  url, expected = _registered(reference)
  root = tfds.builder(
    reference.removeprefix(_SCHEME), data_dir=data_folder(data_dir)
  ).data_dir_root
  downloads = epath.Path(root) / "downloads"
  # TFDS's cache, in its current and its former layout (with and without a
  # folder per data set), and its folder for files fetched by hand.
  name = resource.get_dl_fname(url, expected.checksum)
  manual = downloads / "manual" / str(expected.filename)
  for place in (downloads / _SUBSET / name, downloads / name, manual):
    if place.exists():
      if checksums.compute_url_info(place) != expected:
        raise UserError(
          f"{place} is not {url}: its checksum differs. Delete it."
        )
      return place
  advice = (
    f"{reference!r} is the list {url}, which is not in {downloads}. Fetch it "
    f"where there is a network and put it to {manual}, or give the path of the "
    "text file instead."
  )
  if not can_reach(url):
    raise UserError(f"{advice} The server cannot be reached from here.")
  try:
    manager = tfds.download.DownloadManager(
      download_dir=downloads,
      url_infos={url: expected},
      dataset_name=_SUBSET,
      force_checksums_validation=True,
    )
    return manager.download(url)
  # Networks and folders fail in many ways, with an exception each.
  except Exception as error:
    raise UserError(f"{advice} The download failed: {error}") from error


def _registered(reference: str) -> tuple[str, "checksums.UrlInfo"]:
  """Returns the URL of a list of TFDS, with its size and checksum."""
  from tensorflow_datasets.datasets.imagenet2012_subset import (
    imagenet2012_subset_dataset_builder as subset,
  )

  name, _, config = reference.removeprefix(_SCHEME).partition("/")
  if name != _SUBSET or config not in subset.SUBSET2FILES:
    known = (f"{_SCHEME}{_SUBSET}/{config}" for config in subset.SUBSET2FILES)
    raise UserError(
      f"TFDS has no list {reference!r}, expected {' or '.join(known)}, or the "
      "path of a text file."
    )
  url = subset.SUBSET2FILES[config]
  return url, subset.Builder.url_infos[url]
