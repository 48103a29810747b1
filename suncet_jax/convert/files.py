"""Reads and writes encoder weights in any supported layout."""

from etils import epath

from suncet_jax.convert import (
  described,
  own_names,
  parts,
  pytorch_names,
  tensor_files,
)
from suncet_jax.convert.descriptions import (
  MODEL_FILE,
  OWN_FILE,
  weights_file,
  write_descriptions,
)
from suncet_jax.convert.weights import (
  ADAPTERS,
  FORMAT,
  ConvertError,
  Weights,
  to_metadata,
)
from suncet_jax.files.paths import expanded

CLASSIFIER = "classifier"


def read(
  path: epath.PathLike,
  *,
  wrapper: str = "",
  part: str = "",
  stem: str = "",
  normalize: str = "",
) -> Weights:
  """Reads the weights of an encoder.

  Args:
    path: Folder of a run, file or folder that `write` has made, or file of
      PyTorch weights (.pth and the like, .safetensors, .npz) in one of
      `layouts.LAYOUTS`. Local or gs://.
    wrapper: Key of the state dict in a PyTorch file with several of them.
    part: Part of a file with several networks, as prefix of its names or a
      component of that, such as "encoder_q" or "teacher"; of a run the head to
      read beside the backbone, such as "logits", or "classifier" for the
      classifier that a finished run keeps, with the encoder below it.
    stem: Stem, one of `architectures.STEMS`, where names and shapes do not tell
      it.
    normalize: Normalisation of images, one of `pytorch_names.NORMALISATIONS`,
      instead of what is known of the file.

  Raises:
    ConvertError: If there are no weights, or they are damaged or of an unknown
      layout.
  """
  path = expanded(path)
  if path.is_dir():
    weights = _read_folder(path, wrapper, part, stem)
  else:
    weights = _read_file(path, wrapper, part, stem)
  if normalize:
    mean, std = pytorch_names.NORMALISATIONS[normalize]
    images = weights.images._replace(mean=mean, std=std)
    weights = weights._replace(images=images)
  if (
    weights.images.mean and len(weights.images.mean) != weights.images.channels
  ):
    raise ConvertError(
      f"{path}: images have {weights.images.channels} channel(s), but "
      f"--normalise={normalize} has 3."
    )
  return weights


def write(weights: Weights, path: epath.PathLike, layout: str) -> list[str]:
  """Writes the weights of an encoder.

  Args:
    weights: Weights to write.
    path: Folder, or file whose suffix tells the format (.safetensors, .npz,
      .pth).
    layout: Layout, "suncet_jax" or one of `layouts.LAYOUTS`.

  Returns:
    Names of the parts that the layout has no place for.

  Raises:
    ConvertError: If the layout cannot express the weights, or the disk is full.
  """
  path, folder = expanded(path), None
  left_out: list[str] = []
  if not path.suffix or path.is_dir():
    folder, own = path, layout == FORMAT
    path = folder / (OWN_FILE if own else MODEL_FILE)
  elif path.suffix not in tensor_files.SUFFIXES:
    raise ConvertError(
      f"{path} has the suffix {path.suffix!r}, expected one of "
      f"{', '.join(tensor_files.SUFFIXES)}, .stablehlo for a program, or none "
      "for a folder."
    )
  if layout == FORMAT:
    if path.suffix in tensor_files.PYTORCH:
      raise ConvertError(
        f"{path}: our own names are written as .safetensors or .npz, which "
        "have a place for metadata."
      )
    tensors = own_names.to_tensors(weights)
  else:
    tensors, left_out = pytorch_names.to_tensors(weights, layout)
    left_out += ["classifier"] if weights.classifier is not None else []
  is_back = weights.origin.get("layout") == layout
  # The key that the scripts of facebookresearch/suncet read.
  usual = "encoder" if layout == "suncet" else ""
  wrapper = weights.origin["wrapper"] if is_back else usual
  tensor_files.write(path, tensors, to_metadata(weights, layout), wrapper)
  if folder is not None:
    write_descriptions(folder, weights, layout)
  return left_out


def _read_folder(
  folder: epath.Path, wrapper: str, part: str, stem: str
) -> Weights:
  path = weights_file(folder)
  if path is not None:
    return _read_file(path, wrapper, part, stem)
  from suncet_jax.convert import run

  if part == CLASSIFIER and run.is_run(folder):
    return _read_file(run.classifier_file(folder), wrapper, part, stem)
  if not run.is_run(folder):
    raise ConvertError(
      f"{folder} is no folder of a run (config.json and checkpoints), nor are "
      f"there {OWN_FILE} or {MODEL_FILE} in it."
    )
  return run.read(folder, part)


def _read_file(path: epath.Path, wrapper: str, part: str, stem: str) -> Weights:
  file = tensor_files.read(path, wrapper, part)
  if ADAPTERS in file.metadata:
    raise ConvertError(
      f"{path} holds adapters alone. The weights that they are added to come "
      f"first: python -m suncet_jax.convert WEIGHTS --adapters={path} --out=..."
    )
  try:
    if own_names.is_ours(file.metadata):
      weights = own_names.from_tensors(file.tensors, file.metadata)
      _check_part(part, weights)
      return weights
    file, beside, part = parts.unwrapped(file, part)
    weights = pytorch_names.from_tensors(
      file.tensors,
      file.metadata,
      wrapper=file.wrapper,
      stem=stem,
      part=part,
    )
    weights = weights._replace(left_out=[*weights.left_out, *beside])
    is_known = FORMAT in file.metadata
  except ConvertError as error:
    raise ConvertError(f"{path}: {error}") from error
  return described.completed(path, weights, is_known=is_known)


def _check_part(part: str, weights: Weights) -> None:
  """Checks that a file of our own has the part that is asked for."""
  if part == CLASSIFIER and weights.classifier is None:
    raise ConvertError(
      "it holds an encoder, but no classifier. One of a finished run is "
      "exported by python -m suncet_jax.convert RUN --part=classifier."
    )
  if part not in ("", CLASSIFIER):
    raise ConvertError(f"it holds one encoder: drop --part={part}.")
