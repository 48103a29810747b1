"""Videos in a bucket are those on disk."""

import jax
import numpy as np
import video_files

from suncet_jax.config import load_config
from suncet_jax.data.load import load


def test_windows_of_videos_in_a_bucket(bucket, tmp_path):
  for name, number in (("train/a/1.mp4", 3), ("train/b/2.mkv", 9)):
    video_files.write(tmp_path / name, loud=[number])
    bucket.write(f"videos/{name}", (tmp_path / name).read_bytes())
  bucket.write("videos/test.csv", b"path,label\ntest/1.mp4,a\n")
  bucket.write("videos/test/1.mp4", b"")  # is not opened
  bucket.write("videos/train/b/3.mp4", b"This is no video.")
  (tmp_path / "train/b/3.mp4").write_bytes(b"This is no video.")
  found = []
  for place in ("gs://bucket/videos", tmp_path):
    config = load_config(
      f"clips:train={place}/train,test=gs://bucket/videos/test.csv,"
      "method=suncet"
    )
    config.data.clips.update({"frames": 8, "size": 32})
    config.data.max_bad_fraction = 0.5
    source = load(config).train
    found.extend(source.images([np.arange(3)]))
    assert len(source.bad) == 1
  jax.tree.map(np.testing.assert_array_equal, *found)
  assert video_files.numbers(found[0]["video"][1]) == list(range(21, 29))
