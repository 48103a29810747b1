"""Kinds of views that a method may request, of images or of clips."""

from collections.abc import Mapping

from ml_collections import ConfigDict

from suncet_jax.data.augment.view import named_views
from suncet_jax.data.clips.clip import Clip
from suncet_jax.data.source import Source
from suncet_jax.data.transform import Transform


def named_transforms(
  config: ConfigDict, source: Source
) -> Mapping[str, Transform]:
  """Returns the kinds of views by name.

  Args:
    config: The whole configuration.
    source: Source of the training images or clips.

  Returns:
    Of images those of `augment.view.named_views`; of clips "view" alone, as
    `config.clip` describes it.

  Raises:
    ValueError: If a view does not suit the source.
  """
  if not isinstance(source.row_shape, Mapping):
    return named_views(config, is_cropped=source.crops_on_host)
  window = source.image_shape[0] if source.crops_on_host else 0
  return {"view": Clip.from_config(config.clip, window=window)}
