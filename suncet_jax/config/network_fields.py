"""Fields of the networks of clips: groups of `config.model`."""

from suncet_jax.fields import BELOW_ONE, POSITIVE, Check, Field, Fields

_DEPTHS = Field(
  (2, 2, 2, 2),
  "Blocks of each stage.",
  Check(
    lambda v: 0 < len(v) <= 4 and min(v) > 0, "one to four, each at least 1"
  ),
)
_MAX_POOL = Field(True, "Whether a max pool follows the first layer.")

GLOBAL_LOCAL: Fields = {
  "slow": Field(
    64,
    "Global-Local: channels of the slow network's first stage, doubled from "
    "stage to stage.",
    POSITIVE,
  ),
  "fast": Field(8, "Global-Local: the same of the fast one.", POSITIVE),
  "audio": Field(64, "Global-Local: the same of the sound's.", POSITIVE),
  "depths": _DEPTHS,
  "slow_every": Field(
    8, "Global-Local: the slow network sees every so many frames.", POSITIVE
  ),
  "max_pool": _MAX_POOL,
  "out": Field(
    512, "Global-Local: channels of clips and places as compared.", POSITIVE
  ),
  "local_out": Field(
    64, "Global-Local: channels of frames and sounds as compared.", POSITIVE
  ),
}

LIRA: Fields = {
  "planes": Field(
    64,
    "LiRA: channels of the first layer and stage, doubled from stage to stage.",
    POSITIVE,
  ),
  "depths": _DEPTHS,
  "max_pool": _MAX_POOL,
  "width": Field(256, "LiRA: channels of a frame in the Conformer.", POSITIVE),
  "hidden": Field(2048, "LiRA: units within its MLPs.", POSITIVE),
  "blocks": Field(12, "LiRA: blocks of the Conformer.", POSITIVE),
  "heads": Field(
    4, "LiRA: heads of its attention, which divide the width.", POSITIVE
  ),
  "kernel": Field(
    31,
    "LiRA: frames of its convolution.",
    Check(lambda v: v > 0 and v % 2, "odd"),
  ),
  "dropout": Field(0.1, "LiRA: share that dropout takes away.", BELOW_ONE),
}
