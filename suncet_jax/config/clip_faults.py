"""Faults in combinations of the fields of clips."""

from collections.abc import Iterator

from ml_collections import ConfigDict

from suncet_jax import plugins

_OF_IMAGES = ("soft_nn_finetune",)  # evaluations


def clip_faults(config: ConfigDict) -> Iterator[str]:
  """Yields faults of clips; none if the data are images.

  Args:
    config: The whole configuration.
  """
  if config.data.source != "clips":
    yield from _of_images(config.data)
    return
  yield from _rate_faults(config.data.clips)
  yield from _view_faults(config)
  for name in config.evals.final:
    if name in _OF_IMAGES:
      yield f"evals.final has {name!r}, which is for images: leave it out."
  if config.init.weights:
    yield (
      f"init.weights is {config.init.weights!r}, but networks of clips start "
      "from random numbers: leave it empty."
    )


def _of_images(data: ConfigDict) -> Iterator[str]:
  if data.clips.synthetic:
    yield (
      f"data.clips.synthetic is {data.clips.synthetic!r}, which only "
      f"data.source 'clips' has; the source is {data.source!r}."
    )


def _rate_faults(clips: ConfigDict) -> Iterator[str]:
  per_second = clips.fps * clips.audio_per_frame
  hop = clips.sample_rate / per_second
  if clips.synthetic or abs(hop - round(hop)) < 1e-9:
    return
  near = round(round(hop) * per_second)
  yield (
    f"data.clips.sample_rate {clips.sample_rate} is no multiple of fps x "
    f"audio_per_frame, {per_second:g}: columns of the sound would not stay "
    f"with the frames. The nearest is {near}."
  )


def _view_faults(config: ConfigDict) -> Iterator[str]:
  clip, clips = config.clip, config.data.clips
  if clip.size > clips.size:
    yield (
      f"clip.size {clip.size} is larger than the frames, data.clips.size "
      f"{clips.size}."
    )
  for prefix, count, whole in (
    ("", clips.channels, "channel"),
    ("audio_", clips.bands, "band"),
  ):
    mean, std = clip[f"{prefix}mean"], clip[f"{prefix}std"]
    may = (0, count, 1) if prefix else (0, count)
    if len(mean) != len(std) or len(mean) not in may or min((*std, 1)) <= 0:
      yield (
        f"clip.{prefix}mean {tuple(mean)} and clip.{prefix}std {tuple(std)} "
        f"need one value per {whole} each, of which there are {count}, and std "
        "values > 0."
      )
  method = plugins.method_spec(config.method.name)
  groups = method.groups(config, 0)
  others = sorted({*groups.unlabelled, *groups.labelled} - {"view"})
  if others:
    yield (
      f"{config.method.name} encodes views {', '.join(others)}, which clips do "
      "not have: choose another method for data.source='clips'."
    )
