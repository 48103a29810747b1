"""What TFDS would download, and whether it can."""

import tensorflow_datasets as tfds
from etils import epath

from suncet_jax.files import network, storage


def out_of_reach(builder: tfds.core.DatasetBuilder) -> str:
  """Returns an address that is needed and does not answer; empty: none.

  Args:
    builder: Builder of a data set that is not prepared yet.
  """
  if builder.MANUAL_DOWNLOAD_INSTRUCTIONS:
    return ""  # TFDS looks for the archives, and says what is not there
  downloads = epath.Path(builder.data_dir_root) / "downloads"
  if any(storage.matching(downloads, "*/*.INFO")):
    return ""  # what is there may be all that it needs
  urls = [url for url in builder.url_infos or () if url.startswith("http")]
  return urls[0] if urls and not network.can_reach(urls[0]) else ""
