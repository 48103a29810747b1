"""Clips in the stream: the same on any number of hosts, from any step on."""

import jax
import numpy as np
import pytest
import running
import video_files
import virtual

from suncet_jax.config import load_config
from suncet_jax.data.kinds import named_transforms
from suncet_jax.data.pipeline import open_data

_STEPS = range(3, 7)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
  """Returns a folder of twelve videos of two classes, one of them bad."""
  place = tmp_path_factory.mktemp("videos")
  for part, count in (("train", 12), ("test", 2)):
    for number in range(count):
      path = place / part / "ab"[number % 2] / f"{number}.mp4"
      video_files.write(path, frames=20 + number, loud=[number])
  (place / "train" / "a" / "2.mp4").write_bytes(b"This is no video.")
  return place


def _opened(folder):
  """Returns configuration and data of a run on the folder."""
  config = load_config(
    f"clips:train={folder}/train,test={folder}/test,method=suncet,batch=4,"
    "validation=1"
  )
  config.data.clips.update({"frames": 8, "size": 24, "bands": 10})
  config.data.max_bad_fraction = 0.1
  return config, open_data(config)


def _batches(folder, steps):
  config, pipeline = _opened(folder)
  view = named_transforms(config, pipeline.train)["view"]
  mesh = virtual.mesh(2)
  made = pipeline.stream(mesh).batches(steps, [view] * 2, [view])
  return [jax.tree.map(np.asarray, batch) for batch in made]


def test_a_batch_has_a_window_for_each_view(folder):
  (batch,) = _batches(folder, range(1))
  assert len(batch.unlabelled) == 2
  for clips in (*batch.unlabelled, *batch.labelled):
    assert clips["video"].shape == (4, 8, 24, 24, 3)
    assert clips["audio"].shape == (4, 32, 10)
  first, second = batch.unlabelled
  starts = [
    [video_files.numbers(video)[0] for video in clips["video"]]
    for clips in (first, second)
  ]
  assert starts[0] != starts[1]


@pytest.mark.parametrize("start", [4, 6])
def test_a_restart_anywhere_gives_the_same_bits(folder, start):
  whole = _batches(folder, _STEPS)
  rest = _batches(folder, range(start, _STEPS.stop))
  for a, b in zip(whole[start - _STEPS.start :], rest, strict=True):
    jax.tree.map(np.testing.assert_array_equal, a, b)


def test_the_digest_tells_of_another_label(folder, tmp_path):
  _, pipeline = _opened(folder)
  lines = [f"{folder}/train/{name}" for name in pipeline.train.names]
  for swapped in (False, True):
    names = ["a" if "/a/" in line else "b" for line in lines]
    if swapped:
      names[0] = "b"
    rows = [f"{x},{y}" for x, y in zip(lines, names, strict=True)]
    listed = tmp_path / f"{swapped}.csv"
    listed.write_text("\n".join(["path,label", *rows]))
  digests = {
    swapped: open_data(
      load_config(
        f"clips:train={tmp_path}/{swapped}.csv,test={folder}/test,"
        "method=suncet,batch=4,validation=1"
      )
    ).digest()
    for swapped in (False, True)
  }
  assert digests[False] != digests[True]


_SCRIPT = """
import hashlib, sys
import jax
import numpy as np
from suncet_jax.config import load_config
from suncet_jax.data.kinds import named_transforms
from suncet_jax.data.pipeline import open_data
from suncet_jax.devices.mesh import make_mesh

folder, port, count, number = sys.argv[1:]
if int(count) > 1:
  jax.distributed.initialize(f"127.0.0.1:{port}", int(count), int(number))
config = load_config(
  f"clips:train={folder}/train,test={folder}/test,method=suncet,batch=4,"
  "validation=1")
config.data.clips.update({"frames": 8, "size": 24, "bands": 10})
config.data.max_bad_fraction = 0.1
pipeline = open_data(config)
view = named_transforms(config, pipeline.train)["view"]
steps = range(2)
batches = pipeline.stream(make_mesh()).batches(steps, [view] * 2, [view])
for step, batch in zip(steps, batches):
  for part, array in enumerate(jax.tree.leaves(batch)):
    for shard in array.addressable_shards:
      digest = hashlib.sha256(np.asarray(shard.data).tobytes()).hexdigest()
      print("ROWS", step, part, shard.index[0].start or 0, digest)
"""


def _rows(folder, processes):
  """Returns the digests of all rows of all processes."""
  lines = running.lines_of_hosts(_SCRIPT, folder, processes)
  return sorted(line for line in lines if line.startswith("ROWS"))


def test_two_hosts_have_the_batches_of_one(folder):
  alone = _rows(folder, 1)
  assert len(alone) == 2 * 7 * 4  # steps, arrays, devices
  assert _rows(folder, 2) == alone
