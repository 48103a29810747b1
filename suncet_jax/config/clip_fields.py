"""Fields of clips: `config.data.clips`, which the host makes, `config.clip`."""

from suncet_jax.fields import (
  FRACTION,
  NOT_NEGATIVE,
  POSITIVE,
  Field,
  Fields,
  one_of,
)

SYNTHETIC = ("shapes", "mouths")

# What a clip is before a step draws views of it.
DATA_CLIPS: Fields = {
  "synthetic": Field(
    "",
    'clips: "shapes" or "mouths", made in code (docs/clips.md); empty: the '
    "files of data.train and data.test.",
    one_of("", *SYNTHETIC),
  ),
  "count": Field(512, "synthetic: training clips.", POSITIVE),
  "test_count": Field(128, "synthetic: test clips.", POSITIVE),
  "seed": Field(
    0,
    "synthetic: seed of the clips. It is not `seed`, so that runs with other "
    "seeds see the same clips.",
    NOT_NEGATIVE,
  ),
  "frames": Field(16, "Frames of a clip.", POSITIVE),
  "fps": Field(
    25.0, "Frames per second; videos with another rate are resampled.", POSITIVE
  ),
  "size": Field(
    112,
    "Height and width of frames, in pixels: the short side is resized to it "
    "and the centre taken.",
    POSITIVE,
  ),
  "channels": Field(3, "3: colours, 1: grey.", one_of(1, 3)),
  "sample_rate": Field(
    16000,
    "Samples of sound per second; sound with another rate is resampled.",
    POSITIVE,
  ),
  "bands": Field(80, "Mel bands of the sound.", POSITIVE),
  "audio_per_frame": Field(
    4,
    "Columns of the sound's spectrogram per frame; sample_rate must be a "
    "multiple of fps x audio_per_frame.",
    POSITIVE,
  ),
  "no_sound": Field(
    "bad",
    'What a video without a sound track is: "bad", as one that cannot be '
    'decoded; "silent".',
    one_of("bad", "silent"),
  ),
}

CLIP: Fields = {
  "size": Field(
    0,
    "Clips: height and width of a view, a window of the frames whose place is "
    "drawn, one for all frames; 0: whole frames.",
    NOT_NEGATIVE,
  ),
  "flip_prob": Field(
    0.5, "Clips: probability of a mirror image, left to right.", FRACTION
  ),
  "mean": Field((), "Clips: subtracted per channel; empty: stay in [0, 1]."),
  "std": Field((), "Clips: divided by per channel; empty exactly if mean is."),
  "audio_mean": Field(
    (),
    "Clips: mean of the sound, one number or one per band; empty: as "
    "clip.audio_norm says.",
  ),
  "audio_std": Field((), "Clips: divided by; empty exactly if audio_mean is."),
  "audio_norm": Field(
    "clip",
    "Clips: what of the sound is normalised by its own mean and deviation: "
    '"clip": all of a clip, "band": each band of it over time; "none".',
    one_of("clip", "band", "none"),
  ),
  "audio_limit": Field(
    5.0,
    "Clips: largest distance of the normalised sound from 0; 0: no limit.",
    NOT_NEGATIVE,
  ),
}
