"""Prepares TFDS's fashion_mnist from Debian's dataset-fashion-mnist.

    python tools/prepare_fashion_mnist.py [--data_dir=DIR]

For machines without a network; elsewhere TFDS downloads by itself. Debian ships
upstream's four files with other gzip headers: without file name and with a
later time stamp. With upstream's headers restored the files are identical to
the byte, and TFDS accepts their checksums.
"""

import argparse
import pathlib
import struct
import sys
import tempfile

_DEBIAN = pathlib.Path("/usr/share/datasets/fashion-mnist")
_STAMPS = {  # modification times that upstream's gzip headers hold
  "train-images-idx3-ubyte": 1504176606,
  "train-labels-idx1-ubyte": 1504176606,
  "t10k-images-idx3-ubyte": 1504176627,
  "t10k-labels-idx1-ubyte": 1504176627,
}
_HAS_NAME = b"\x08"  # flag byte of a gzip header (RFC 1952)


def with_upstream_header(packed: bytes, stem: str, stamp: int) -> bytes:
  """Returns a gzip file with file name and time stamp restored."""
  return b"".join(
    [
      packed[:3],
      _HAS_NAME,
      struct.pack("<I", stamp),
      packed[8:10],
      stem.encode() + b"\0",
      packed[10:],
    ]
  )


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
  parser.add_argument("--data_dir", help="folder of TFDS; default: its own")
  data_dir = parser.parse_args().data_dir
  if not _DEBIAN.is_dir():
    print(
      f"{_DEBIAN} is missing: install Debian's package dataset-fashion-mnist.",
      file=sys.stderr,
    )
    return 2
  # Takes seconds to import: only after the check above.
  import tensorflow_datasets as tfds

  from suncet_jax.data.tfds.place import data_folder

  with tempfile.TemporaryDirectory() as folder:
    for stem, stamp in _STAMPS.items():
      name = stem + ".gz"
      packed = (_DEBIAN / name).read_bytes()
      restored = with_upstream_header(packed, stem, stamp)
      (pathlib.Path(folder) / name).write_bytes(restored)
    builder = tfds.builder("fashion_mnist", data_dir=data_folder(data_dir))
    builder.download_and_prepare(
      download_config=tfds.download.DownloadConfig(manual_dir=folder)
    )
  print(f"Ready: {builder.data_path}")
  return 0


if __name__ == "__main__":
  sys.exit(main())
