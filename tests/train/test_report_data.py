"""Which images of a report are shown."""

import numpy as np
import tiny

from suncet_jax.data.arrays import from_arrays
from suncet_jax.train.drawings import drawings_of
from suncet_jax.train.report_data import Seen, nearest_images


def _shown(class_count, missed):
  """Returns the classes of the queries if `missed` are predicted wrong."""
  labels = np.arange(2 * class_count) % class_count
  pixels = np.zeros((labels.size, 4, 4, 1), np.uint8)
  predictions = np.where(np.isin(labels, missed), -1, labels)
  seen = Seen(np.eye(labels.size, dtype=np.float32), "kNN", predictions)
  source = from_arrays(pixels, labels)
  images, found = nearest_images(source, seen, np.arange(labels.size))
  assert images.shape[:2] == found.shape
  return list(found[:, 0])


def test_what_a_methods_networks_draw_is_shown_in_rows():
  fields = {"method.networks": "mlp", "method.width": 4}
  parts = tiny.experiment(method="ugan", **fields)
  drawn = drawings_of(parts, parts.initial_state())
  assert drawn.images.dtype == np.uint8
  assert drawn.images.shape == (6, 4, 8, 8, 1)
  assert drawn.titles[0] == "generator 1"
  assert drawn.titles[-1] == "bad generator 3"
  assert drawn.images.std() > 1


def test_other_methods_draw_nothing():
  parts = tiny.experiment(method="supervised")
  drawn = drawings_of(parts, parts.initial_state())
  assert drawn.images.size == 0
  assert drawn.titles == []


def test_every_class_has_a_query():
  assert _shown(10, missed=[3]) == list(range(10))


def test_of_many_classes_the_worst_have_one():
  shown = _shown(30, missed=[7, 19, 29])
  assert len(shown) == 12
  assert {7, 19, 29} <= set(shown)
  assert shown == sorted(shown)
