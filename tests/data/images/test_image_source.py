"""Image files as a source: what happens to bad ones, retries, threads."""

import image_files
import numpy as np
import pytest

from suncet_jax.data.errors import ReadError, TooManyBadImagesError
from suncet_jax.data.images.source import EncodedSource
from suncet_jax.data.records import base as records_module
from suncet_jax.data.source import Crop, Request

_CROP = Crop(16, (0.2, 1.0), (3 / 4, 4 / 3))
_COUNT = 24
_FILES = [
  image_files.encode(image_files.photograph(shift=2 * i), "JPEG", quality=90)
  for i in range(_COUNT)
]


def _source(files=_FILES, **settings):
  names = [f"photo{i}.jpg" for i in range(len(files))]
  settings = {"resize": 36, "centre_crop": 32, **settings}
  return EncodedSource(image_files.Memory(files, names=names), **settings)


def _rows(indices, seed=0):
  draws = np.random.RandomState(seed).rand(len(indices), 2, 22)
  return Request(np.asarray(indices), draws)


def _views(source, rows):
  ((first, second),) = source.views([rows], [_CROP, _CROP])
  return np.stack([first, second], axis=1)


def test_any_number_of_threads_gives_the_same():
  rows = _rows(range(_COUNT))
  one, many = _views(_source(workers=1), rows), _views(_source(workers=5), rows)
  np.testing.assert_array_equal(one, many)
  assert (one[:, 0] != one[:, 1]).any(axis=(1, 2, 3)).all()


def test_rows_can_be_shared_out_among_processes():
  rows, source = _rows(range(_COUNT)), _source()
  whole = _views(source, rows)
  for processes in (2, 4):
    parts = [
      _views(source, Request(rows.indices[part], rows.draws[part]))
      for part in np.split(np.arange(_COUNT), processes)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_truncated_image_is_replaced_in_place_counted_and_named(caplog):
  files = list(_FILES)
  files[5] = files[5][: len(files[5]) // 2]
  source = _source(files, max_bad_fraction=0.1)
  rows = _rows(range(_COUNT))
  views, sound = _views(source, rows), _views(_source(), rows)
  assert (views[5] == 128).all()
  others = np.delete(np.arange(_COUNT), 5)
  np.testing.assert_array_equal(views[others], sound[others])
  _views(source, rows)
  assert len(source.bad) == 1  # counted once, however often it comes
  assert caplog.text.count("photo5.jpg") == 1
  (images,) = source.images([np.arange(_COUNT)])
  assert (images[5] == 128).all()
  assert (images[6] != 128).any()


def test_too_many_bad_images_end_the_stream_with_their_names():
  files = list(_FILES)
  for i in (3, 9, 12):
    files[i] = b"no image"
  source = _source(files, max_bad_fraction=2 / _COUNT)
  with pytest.raises(
    TooManyBadImagesError, match=r"3 of 24 .*max_bad_fraction.*photo\d+"
  ) as caught:
    _views(source, _rows(range(_COUNT)))
  for name in ("photo3.jpg", "photo9.jpg", "photo12.jpg"):
    assert name in str(caught.value)


class _Flaky(image_files.Memory):
  """Fails a few times before it gives a file."""

  def __init__(self, files, failures, error=OSError):
    super().__init__(files)
    self.failures, self.error = failures, error

  def read(self, index):
    if self.failures:
      self.failures -= 1
      raise self.error("the network is away")
    return super().read(index)


@pytest.fixture
def delays(monkeypatch):
  """Notes how long reading waits, without waiting."""
  waited = []
  monkeypatch.setattr(records_module.time, "sleep", waited.append)
  return waited


def _open(records):
  return EncodedSource(records, resize=36, centre_crop=32, workers=1)


def test_reading_is_tried_again_after_longer_and_longer(delays, caplog):
  source = _open(_Flaky(_FILES, failures=3))
  sound = _views(_open(image_files.Memory(_FILES)), _rows([0, 1]))
  np.testing.assert_array_equal(_views(source, _rows([0, 1])), sound)
  assert delays == [0.5, 1.0, 2.0]
  assert "number 0 failed (the network is away)" in caplog.text
  assert source.failure is None


def test_reading_is_given_up_after_a_minute(delays):
  source = _open(_Flaky(_FILES, failures=1000))
  with pytest.raises(ReadError, match="number 0 failed: the network is away"):
    _views(source, _rows([0]))
  assert 60 < sum(delays) < 120
  assert isinstance(source.failure, ReadError)


@pytest.mark.parametrize("error", [FileNotFoundError, PermissionError])
def test_a_file_that_is_gone_is_not_waited_for(delays, error):
  source = _open(_Flaky(_FILES, failures=1000, error=error))
  with pytest.raises(ReadError):
    _views(source, _rows([0]))
  assert not delays


def test_no_more_than_four_batches_are_prepared_ahead():
  asked = []

  def requests():
    for i in range(10):
      asked.append(i)
      yield _rows([i])

  stream = _source().views(requests(), [_CROP, _CROP])
  next(stream)
  assert asked == list(range(5))
  next(stream)
  assert asked == list(range(6))
  stream.close()
