"""Scans a source: decodes every image once to find the bad ones."""

import collections
import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

from suncet_jax.data.copies import digest
from suncet_jax.data.errors import ImageError, ReadError
from suncet_jax.data.images.decode import EncodedImage
from suncet_jax.data.images.source import EncodedSource, thread_pool
from suncet_jax.data.records.base import name_of, read_patiently

_AT_ONCE = 256  # images in progress; more would only take memory


class Finding(NamedTuple):
  """The result for one image.

  Attributes:
    size: Height and width, or None if the image cannot be decoded.
    format: Name of the format, "JPEG", "PNG", ...; "?" if unknown.
    problem: Reason why the image cannot be decoded or read; empty if it can.
    digest: Digest of the file; empty if it cannot be decoded or read.
    is_read: Whether the file could be read.
  """

  size: tuple[int, int] | None
  format: str
  problem: str
  digest: bytes = b""
  is_read: bool = True


class Summary(NamedTuple):
  """The results for all images of a source.

  Attributes:
    formats: Number of images by format.
    smallest: Height and width of the image with the fewest pixels, or None.
    largest: Height and width of the image with the most pixels, or None.
    bad: Names of images that cannot be decoded, with reasons.
    unreadable: Names of images that cannot be read, with reasons; they end a
      run.
    digests: Digests of the files, by index; empty for those.
  """

  formats: dict[str, int]
  smallest: tuple[int, int] | None
  largest: tuple[int, int] | None
  bad: list[tuple[str, str]]
  unreadable: list[tuple[str, str]]
  digests: list[bytes]


def scan(
  source: EncodedSource, workers: int, progress: Callable[[int], None]
) -> Summary:
  """Reads and decodes all images.

  Args:
    source: Source of the images.
    workers: Number of threads; 0 means one per CPU.
    progress: Function that is called with 1 after each image.

  Returns:
    The results.
  """
  formats: collections.Counter[str] = collections.Counter()
  sizes: set[tuple[int, int]] = set()
  bad: list[tuple[str, str]] = []
  unreadable: list[tuple[str, str]] = []
  digests: list[bytes] = []
  for index, finding in enumerate(_findings(source, workers)):
    formats[finding.format] += 1
    digests.append(finding.digest)
    if finding.problem:
      problems = bad if finding.is_read else unreadable
      problems.append((name_of(source.records, index), finding.problem))
    elif finding.size:
      sizes.add(finding.size)
    progress(1)
  by_pixels = sorted(sizes, key=lambda size: size[0] * size[1])
  return Summary(
    dict(formats.most_common()),
    by_pixels[0] if by_pixels else None,
    by_pixels[-1] if by_pixels else None,
    bad,
    unreadable,
    digests,
  )


def _findings(source: EncodedSource, workers: int) -> Iterator[Finding]:
  look = functools.partial(_look, source)
  count = len(source.labels)
  for start in range(0, count, _AT_ONCE):
    chunk = range(start, min(start + _AT_ONCE, count))
    yield from thread_pool(workers).map(look, chunk)


def _look(source: EncodedSource, index: int) -> Finding:
  name = f"image {name_of(source.records, index)}"
  read = functools.partial(source.records.read, index)
  try:
    encoded = read_patiently(read, name)
    image = EncodedImage(encoded)
    pixels = image.pixels()
  except ReadError as error:
    return Finding(None, "?", str(error), is_read=False)
  except ImageError as error:
    return Finding(None, "?", str(error))
  size = (pixels.shape[0], pixels.shape[1])
  return Finding(size, image.format, "", digest(encoded))
