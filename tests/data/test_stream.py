"""The input stream: the same on any number of hosts, from any step on."""

import itertools
import threading

import image_files
import jax
import numpy as np
import pytest
import running
import virtual

from suncet_jax.config import base
from suncet_jax.data import Dataset
from suncet_jax.data.augment import Augmentation
from suncet_jax.data.augment.view import View
from suncet_jax.data.images.source import EncodedSource
from suncet_jax.data.sampling.build import make_order
from suncet_jax.data.splits import make_splits
from suncet_jax.data.stream import Stream

_VIEW = View(Augmentation(size=12, crop_scale=(0.2, 1.0)), is_cropped=True)
_SMALL = View(Augmentation(size=6, crop_scale=(0.05, 0.14)), is_cropped=True)
_COUNT = 40


def _config():
  config = base()
  config.data.batch_size = 8
  config.data.labelled.per_class = 3
  config.data.labelled.classes_per_batch = 2
  config.data.labelled.images_per_class = 2
  return config


class _Counting(image_files.Memory):
  """Counts how often an image is read."""

  reads = 0

  def read(self, index):
    self.reads += 1
    return super().read(index)


def _stream(files=None):
  files = files or [
    image_files.encode(image_files.photograph(30, 40, shift=i))
    for i in range(_COUNT)
  ]
  labels = np.arange(_COUNT, dtype=np.int32) % 4
  records = _Counting(files, labels)
  source = EncodedSource(records, resize=16, centre_crop=12)
  dataset = Dataset("photos", source, source, tuple("abcd"))
  config, mesh = _config(), virtual.mesh(2)
  splits = make_splits(labels, None, config, tuple("abcd"))
  order = make_order(config, dataset, splits)
  assert order.unlabelled.steps_per_epoch == _COUNT // 8
  stream = Stream(source, order, mesh=mesh, batch_size=8, seed=0)
  return stream, records


def _numbers(batch):
  return jax.tree.map(np.asarray, batch)


def test_a_batch_has_the_views_that_are_asked_for():
  stream, _ = _stream()
  (batch,) = stream.batches(range(1), [_VIEW, _VIEW, _SMALL], [_VIEW])
  assert [view.shape for view in batch.unlabelled] == [
    (8, 12, 12, 3),
    (8, 12, 12, 3),
    (8, 6, 6, 3),
  ]
  assert [view.shape for view in batch.labelled] == [(4, 12, 12, 3)]
  assert np.unique(batch.labels).size == 2
  first, second, _ = _numbers(batch).unlabelled
  assert (first != second).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize("start", [3, 7, 10_000_000])
def test_a_restart_anywhere_gives_the_same_bits(start):
  steps = range(start, start + 4)
  (stream, records), (again, _) = _stream(), _stream()
  whole = list(map(_numbers, stream.batches(steps, [_VIEW] * 2, [_VIEW])))
  # Nothing is read for the steps before.
  assert records.reads == 4 * (8 + 4)
  rest = map(_numbers, again.batches(steps[2:], [_VIEW] * 2, [_VIEW]))
  for a, b in zip(whole[2:], rest, strict=True):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_no_labelled_image_is_read_where_none_is_needed():
  stream, records = _stream()
  (batch,) = stream.batches(range(1), [_VIEW])
  assert batch.labelled == ()
  assert batch.labels is None
  assert records.reads == 8


def test_leaving_early_leaves_no_work_behind():
  stream, records = _stream()
  batches = stream.batches(range(1000), [_VIEW] * 2, [_VIEW])
  for _ in itertools.islice(batches, 2):
    pass
  batches.close()
  before = threading.active_count()
  stream, _ = _stream()
  next(stream.batches(range(1000), [_VIEW] * 2))
  assert threading.active_count() <= before  # the same threads for all
  assert records.reads <= 7 * 12


_SCRIPT = """
import hashlib, sys
import jax
import numpy as np
from suncet_jax.config import base
from suncet_jax.data.augment import Augmentation
from suncet_jax.data.augment.view import View
from suncet_jax.data.load import load
from suncet_jax.data.sampling.build import make_order
from suncet_jax.data.splits import make_splits
from suncet_jax.data.stream import Stream
from suncet_jax.devices.mesh import make_mesh

folder, port, count, number = sys.argv[1:]
if int(count) > 1:
  jax.distributed.initialize(f"127.0.0.1:{port}", int(count), int(number))
config = base()
config.data.source = "folder"
config.data.train, config.data.test = folder + "/train", folder + "/test"
config.data.resize = config.data.centre_crop = 16
config.data.batch_size = 8
config.data.labelled.update({
  "per_class": 3, "classes_per_batch": 2, "images_per_class": 2})
dataset = load(config)
splits = make_splits(
  dataset.train.labels, dataset.train.names, config, dataset.class_names)
stream = Stream(
  dataset.train, make_order(config, dataset, splits),
  mesh=make_mesh(), batch_size=8, seed=0)
view = View(Augmentation(size=12, crop_scale=(0.2, 1.0)), is_cropped=True)
reads, read = [], dataset.train.records.read
dataset.train.records.read = lambda i: (reads.append(i), read(i))[1]
for start in (0, 10_000_000):
  steps = range(start, start + 3)
  for step, batch in zip(steps, stream.batches(steps, [view] * 2, [view])):
    arrays = [*batch.unlabelled, *batch.labelled, batch.labels]
    for part, array in enumerate(arrays):
      for shard in array.addressable_shards:
        digest = hashlib.sha256(np.asarray(shard.data).tobytes()).hexdigest()
        print("ROWS", step, part, shard.index[0].start or 0, digest)
print("READS", len(reads))
"""


def _rows(folder, processes):
  """Returns the digests of all rows, and how many images each host read."""
  lines = running.lines_of_hosts(_SCRIPT, folder, processes)
  rows = sorted(line for line in lines if line.startswith("ROWS"))
  return rows, [int(x.split()[1]) for x in lines if x.startswith("READS")]


def test_one_two_and_four_hosts_have_the_same_batches(tmp_path):
  for part in ("train", "test"):
    for i in range(_COUNT if part == "train" else 2):
      path = tmp_path / part / "ab"[i % 2] / f"{i}.png"
      path.parent.mkdir(parents=True, exist_ok=True)
      photograph = image_files.photograph(30, 40, shift=i)
      path.write_bytes(image_files.encode(photograph))
  alone, reads = _rows(tmp_path, 1)
  assert len(alone) == 6 * 4 * 4  # steps, arrays, devices
  assert reads == [6 * (8 + 4)]
  for processes in (2, 4):
    together, reads = _rows(tmp_path, processes)
    assert together == alone
    # Each process reads its rows and no others.
    assert reads == [6 * (8 + 4) // processes] * processes
