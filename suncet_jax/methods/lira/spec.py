"""What LiRA declares."""

from collections.abc import Iterator
from typing import Any

from suncet_jax.architectures import MLP
from suncet_jax.plugins import Groups, MethodSpec, Series

NETWORK = "lira"


class LiRASpec(MethodSpec):
  """Silent frames predict the sound that belongs to them."""

  title = "LiRA"
  summary = (
    "Frames of a mouth predict its sound, L1 of log energies (Ma et al. 2021, "
    "arXiv 2106.09171); a reconstruction."
  )
  rows = ("clips",)
  predictor = "linear"
  series = (
    Series(
      "lira_error",
      "distance of the predicted sound (L1)",
      "Losses",
      line="L1 {:.3f}",
    ),
    Series(
      "lira_silence",
      "the same of a prediction of 0, the mean",
      "Losses",
      line="of 0 {:.3f}",
    ),
  )

  def groups(self, config: Any, epoch: int) -> Groups:
    """Returns one view of each clip."""
    del config, epoch
    return Groups(unlabelled=("view",))

  def heads(self, config: Any, class_count: int) -> dict[str, MLP]:
    """Returns a linear map from a frame to the columns of its sound."""
    del class_count
    clips = config.data.clips
    columns = clips.audio_per_frame * clips.bands
    return {"acoustic": MLP(layers=1, out=columns, of="frames")}

  def faults(self, config: Any) -> Iterator[str]:
    """Yields what is wrong with the network and the sound it is to predict."""
    if config.model.name != NETWORK:
      yield (
        f"model.name is {config.model.name!r}, but lira predicts the sound of "
        f"every frame, which only the network {NETWORK!r} returns."
      )
    if config.clip.audio_norm == "none" and not config.clip.audio_mean:
      yield (
        "clip.audio_norm is 'none': loudness would be most of what lira "
        "predicts. Choose 'band' or 'clip', or give clip.audio_mean."
      )


SPEC = LiRASpec()
