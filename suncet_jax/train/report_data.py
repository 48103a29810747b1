"""Gathers the data of a run's report and writes both."""

from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from suncet_jax.data.clips.picture import pictures
from suncet_jax.data.source import Source
from suncet_jax.files import storage
from suncet_jax.files.text import encoded
from suncet_jax.report.data import ReportData, save_data
from suncet_jax.report.embedding import embedding_map
from suncet_jax.report.runs import Run
from suncet_jax.report.write import report_page
from suncet_jax.rng import permutation
from suncet_jax.train.drawings import Drawings
from suncet_jax.train.experiment import Experiment
from suncet_jax.train.heard import heard_frames
from suncet_jax.train.sample_views import sample_views
from suncet_jax.workdir.folder import RunFolder
from suncet_jax.workdir.metrics_csv import read_history

_MAPPED_IMAGES = 1500
_THUMBNAIL = 48  # pixels, largest side
_READ_TOGETHER = 256  # images in full size in memory
_SHOWN_QUERIES = 12
_SHOWN_NEIGHBOURS = 8


class Seen(NamedTuple):
  """Test images as the encoder sees them.

  Attributes:
    features: Their embeddings, float [n, d].
    predicted_by: Title of the classifier.
    predictions: Classes that it predicts, int [n].
    attention: Where a clip sounds, float [n, p, q], if the method measures it.
  """

  features: np.ndarray
  predicted_by: str
  predictions: np.ndarray
  attention: np.ndarray | None = None


def report(
  experiment: Experiment,
  folder: RunFolder,
  seen: Seen,
  drawings: Drawings,
  result: dict[str, Any],
  command: str,
) -> None:
  """Writes report.html and its arrays into the run's folder.

  Args:
    experiment: Experiment that was run.
    folder: Folder of the run.
    seen: Test images as the encoder sees them.
    drawings: Images that the method's networks draw.
    result: Content of result.json.
    command: Command that started the run.
  """
  data = _gather(experiment, seen, drawings, command)
  save_data(folder.path, data)
  metrics = folder.path / "metrics.csv"
  run = Run(
    name=folder.path.name,
    config=experiment.config.to_dict(),
    history=read_history(metrics) if metrics.is_file() else [],
    result=result,
    data=data,
    series=experiment.spec.series,
  )
  page = report_page([run])
  storage.write(folder.path / "report.html", encoded(page))


def _gather(
  experiment: Experiment, seen: Seen, drawings: Drawings, command: str
) -> ReportData:
  """Returns the data of the report, with a sample of the test images."""
  test = experiment.pipeline.test
  sample = np.sort(permutation(test.labels.size, 0)[:_MAPPED_IMAGES])
  features = seen.features
  sample = sample[np.isfinite(features[sample]).all(axis=1)]
  views, titles = sample_views(experiment)
  neighbours, neighbour_labels = nearest_images(test, seen, sample)
  heard, heard_titles = heard_frames(experiment, seen.attention)
  return ReportData(
    command=command,
    class_names=experiment.pipeline.dataset.class_names,
    labels=test.labels,
    predictions=seen.predictions,
    predicted_by=seen.predicted_by,
    mapped=sample,
    positions=embedding_map(features[sample]).astype(np.float32),
    thumbnails=_thumbnails(test, sample),
    neighbours=neighbours,
    neighbour_labels=neighbour_labels,
    views=views,
    view_titles=titles,
    drawn=drawings.images,
    drawn_titles=drawings.titles,
    heard=heard,
    heard_titles=heard_titles,
  )


def _thumbnails(source: Source, indices: np.ndarray) -> np.ndarray:
  """Returns images scaled down to thumbnails, [n, h, w, c] uint8."""
  batches = [
    indices[i : i + _READ_TOGETHER]
    for i in range(0, len(indices), _READ_TOGETHER)
  ]
  return np.concatenate(
    [_small(pictures(rows)) for rows in source.images(batches)]
  )


def _small(images: np.ndarray) -> np.ndarray:
  h, w = images.shape[1:3]
  factor = _THUMBNAIL / max(h, w)
  if factor >= 1:
    return images
  size = max(1, round(w * factor)), max(1, round(h * factor))
  grey = images.shape[-1] == 1
  small = [
    np.asarray(
      Image.fromarray(image.squeeze(-1) if grey else image).resize(
        size, Image.Resampling.BOX
      )
    )
    for image in images
  ]
  return np.stack(small).reshape(len(images), size[1], size[0], -1)


def nearest_images(
  test: Source, seen: Seen, sample: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Returns test images with their nearest neighbours, and the labels of all.

  Args:
    test: Source of the test images.
    seen: Test images as the encoder sees them.
    sample: Indices of images to choose from: queries, one per class (of many
      classes those that are predicted worst), and their neighbours.

  Returns:
    Images [queries, 1 + neighbours, h, w, c], a query first, and their labels.
  """
  features, labels = seen.features, test.labels[sample]
  classes, queries = np.unique(labels, return_index=True)
  is_right = seen.predictions == test.labels
  right = [is_right[test.labels == name].mean() for name in classes]
  worst = np.argsort(right, kind="stable")[:_SHOWN_QUERIES]
  queries = queries[np.sort(worst)]
  norms = np.linalg.norm(features[sample], axis=1, keepdims=True)
  rows = features[sample] / np.maximum(norms, 1e-12)
  similarity = rows[queries] @ rows.T
  similarity[np.arange(len(queries)), queries] = np.inf  # the query goes first
  nearest = np.argsort(-similarity, axis=1, kind="stable")
  nearest = nearest[:, : 1 + _SHOWN_NEIGHBOURS]
  flat = pictures(next(test.images([sample[nearest.reshape(-1)]])))
  return flat.reshape(*nearest.shape, *flat.shape[1:]), labels[nearest]
