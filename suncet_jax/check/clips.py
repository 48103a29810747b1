"""Scans videos: what they tell of themselves, and which cannot be decoded."""

import collections
import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ml_collections import ConfigDict

from suncet_jax.console import terminal
from suncet_jax.console.progress import Counter
from suncet_jax.console.words import shorten
from suncet_jax.data.clips import video
from suncet_jax.data.clips.clip import AUDIO, VIDEO
from suncet_jax.data.clips.source import ClipFiles, write_windows
from suncet_jax.data.clips.video import Facts
from suncet_jax.data.errors import ImageError, ReadError
from suncet_jax.data.images.source import thread_pool
from suncet_jax.data.records.base import read_patiently

_SHOWN_BAD = 1000
# Where windows are tried, as shares of what they can move by.
_TRIED = (0.0, 0.5, 1.0)


class Finding(NamedTuple):
  """The result for one video.

  Attributes:
    facts: What it tells of itself, or None if it cannot be opened.
    problem: Reason why it cannot be decoded or read; empty if it can.
    is_read: Whether the file could be read.
  """

  facts: Facts | None
  problem: str = ""
  is_read: bool = True


def check_clips(name: str, source: ClipFiles, config: ConfigDict) -> bool:
  """Prints the videos of a source; returns whether a run would accept them.

  Args:
    name: Name of the source, "train" or "test".
    source: Source of the videos.
    config: The whole configuration.
  """
  data, total = config.data, len(source.labels)
  look = functools.partial(_look, source, data.clips)
  found: list[Finding] = []
  with Counter(name, total, "videos") as counter:
    for finding in thread_pool(data.workers).map(look, range(total)):
      found.append(finding)
      counter.add(1)
  facts = [finding.facts for finding in found if finding.facts]
  terminal.say(f"{name}: {_described(facts)}")
  _say_of_windows(name, source, found, data.clips)
  return _say_faults(name, source, found, data.max_bad_fraction)


def _look(source: ClipFiles, clips: ConfigDict, index: int) -> Finding:
  """Decodes a video at its beginning, middle and end."""
  path = source.records.paths[index]
  known: list[Facts] = []
  scratch: dict[str, np.ndarray] = {
    VIDEO: np.empty(source.row_shape[VIDEO], np.uint8),
    AUDIO: np.empty(source.row_shape[AUDIO], np.float32),
  }

  def look() -> None:
    with video.opened(path) as container:
      known.append(video.facts(container))
    choices = [functools.partial(_at, share) for share in _TRIED]
    write_windows(path, choices, clips, [scratch] * len(choices))

  try:
    read_patiently(look, f"video {source.names[index]}")
  except ReadError as error:
    return Finding(None, str(error), is_read=False)
  except ImageError as error:
    return Finding(known[-1] if known else None, str(error))
  return Finding(known[-1])


def _at(share: float, room: int) -> int:
  return round(share * room)


def _described(facts: Sequence[Facts]) -> str:
  """Returns lengths, rates and sizes of videos in a line."""
  if not facts:
    return "none can be decoded"
  seconds = sorted(each.seconds for each in facts)
  sizes = sorted((each.size for each in facts), key=lambda size: size[0])
  (h, w), (tall, wide) = sizes[0], sizes[-1]
  rates = collections.Counter(f"{each.fps:.4g}" for each in facts)
  sounds = collections.Counter(_hertz(each) for each in facts)
  return (
    f"{seconds[0]:.1f} to {seconds[-1]:.1f} s long, half of them above "
    f"{seconds[len(seconds) // 2]:.1f} s, {sum(seconds) / 3600:.2f} hours in "
    f"all; {_counts(rates)} frames per second; {h} x {w} to {tall} x {wide} "
    f"pixels (height x width); sound: {_counts(sounds)}"
  )


def _hertz(facts: Facts) -> str:
  return f"{facts.sample_rate} Hz" if facts.sample_rate else "none"


def _counts(counts: collections.Counter[str]) -> str:
  if len(counts) == 1:
    return next(iter(counts))
  return ", ".join(f"{value} ({n:,})" for value, n in counts.most_common())


def _say_of_windows(
  name: str, source: ClipFiles, found: Sequence[Finding], clips: ConfigDict
) -> None:
  """Prints the length of a clip, and which videos are shorter."""
  wanted = clips.frames / clips.fps
  short = [
    source.names[index]
    for index, finding in enumerate(found)
    if finding.facts and finding.facts.seconds < wanted - 0.5 / clips.fps
  ]
  terminal.say(
    f"{name}: a clip is {clips.frames} frames at {clips.fps:g} per second, "
    f"{wanted:.2f} s"
  )
  if short:
    terminal.say(
      f"{name}: {len(short):,} videos are shorter; their last frame is held, "
      f"and silence follows: {shorten(short)}"
    )


def _say_faults(
  name: str, source: ClipFiles, found: Sequence[Finding], most: float
) -> bool:
  """Prints the videos that are bad; returns whether a run would bear them."""
  total = len(found)
  bad = [i for i, each in enumerate(found) if each.problem and each.is_read]
  lost = [i for i, each in enumerate(found) if not each.is_read]
  for kind, indices in (("bad", bad), ("unreadable", lost)):
    for index in indices[:_SHOWN_BAD]:
      problem = found[index].problem
      terminal.say(f"  {kind}: {source.names[index]}: {problem}")
    if len(indices) > _SHOWN_BAD:
      terminal.say(f"  and {len(indices) - _SHOWN_BAD:,} more")
  is_fine = len(bad) <= most * total
  if bad:
    verdict = (
      "a run replaces them by grey, silent clips"
      if is_fine
      else "a run would stop: more than --config.data.max_bad_fraction="
      f"{most:g} allows"
    )
    terminal.say(f"{name}: {len(bad):,} of {total:,} videos are bad; {verdict}")
  if lost:
    terminal.say(
      f"{name}: {len(lost):,} of {total:,} videos cannot be read; a run would "
      "end at the first of them"
    )
  return is_fine and not lost
