"""`load_encoder`: features as the run's evaluation has them, for anyone."""

import copy
import io
import json
import pickle
import re
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest
import running
from flax import struct
from ml_collections import ConfigDict
from PIL import Image
from sklearn import base as sklearn_base
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from suncet_jax import config, load_encoder, plugins
from suncet_jax.architectures import MLP
from suncet_jax.convert import files, pytorch_names, stablehlo
from suncet_jax.convert.layouts import LAYOUTS
from suncet_jax.convert.model_fields import image_fields
from suncet_jax.convert.recognise import Network
from suncet_jax.convert.weights import FORMAT, Images, Weights
from suncet_jax.data.images import crops
from suncet_jax.data.load import load
from suncet_jax.train import evaluation, experiment, resume
from suncet_jax.train.experiment import build
from suncet_jax.workdir.checkpoints import Checkpoints


@pytest.fixture(scope="module")
def encode(small_run):
  return load_encoder(small_run)


@pytest.fixture(scope="module")
def digits():
  """Returns the digits as the run has them."""
  return load(config.base())


def _weights(images, seed=0, **model):
  """Returns a tiny encoder without a head."""
  fields = config.base().model
  fields.update({"name": "resnet8", "stem": "cifar", **model})
  network = Network(FORMAT, "", images.channels, image_fields(fields), False)
  rng = np.random.default_rng(seed)

  def leaf(path, shape):
    x = rng.standard_normal(shape, np.float32)
    if path[-1] == "kernel":
      return x / np.sqrt(np.prod(shape[:-1]), dtype=np.float32)
    return 1 + np.abs(x) / 10 if path[-1] in ("scale", "var") else x / 10

  leaves = {
    path: leaf(path, shape)
    for path, shape in pytorch_names.shapes_of(network).items()
  }
  return Weights(network.model, "float32", images, leaves)


def test_features_are_those_of_the_runs_evaluation(small_run, encode, digits):
  settings = config.base()
  settings.update(
    ConfigDict(json.loads((small_run / "config.json").read_text()))
  )
  parts = experiment.build(settings)
  with Checkpoints(small_run / "checkpoints", read_only=True) as checkpoints:
    state, _ = checkpoints.restore(parts.state_template())
  expected = evaluation.Evaluator(parts).embed(
    state, digits.test, np.arange(40)
  )
  images = digits.test.pixels[:40]
  features = encode(images)
  assert features.dtype == np.float32
  assert features.shape == (40, encode.feature_size)
  np.testing.assert_allclose(features, expected.features, rtol=1e-4, atol=1e-5)
  np.testing.assert_allclose(
    encode.project(images), expected.projection, rtol=1e-4, atol=1e-5
  )


def test_any_number_of_images_of_any_kind(encode, small_run, digits):
  images = digits.test.pixels[:23]
  expected = encode(images)
  assert encode(images[:0]).shape == (0, encode.feature_size)
  assert encode.project(images[:0]).shape == (0, encode.projection_size)
  in_parts = load_encoder(small_run, batch_size=7)
  for same in (
    in_parts(images),
    encode(images[..., 0]),
    encode(images / 255),
    encode((images / 255).astype(np.float32)),
    np.concatenate([encode(images[:1]), encode(images[1:])]),
  ):
    assert same.dtype == np.float32
    np.testing.assert_allclose(same, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
  ("images", "error", "message"),
  [
    (np.zeros((2, 8, 8, 3), np.uint8), ValueError, r"\[n, h, w, 1\]"),
    (np.zeros((8, 8), np.uint8), ValueError, r"shape \(8, 8\)"),
    (
      np.zeros((2, 1, 8, 8), np.uint8),
      ValueError,
      r"n, c, h, w\], np.moveaxis",
    ),
    (np.zeros((8, 8, 1), np.uint8), ValueError, r"of a single image, image\["),
    (np.zeros((2, 0, 8, 1), np.uint8), ValueError, "with h and w above 0"),
    (np.zeros((2, 8, 8, 1), np.int64), TypeError, "are int64, expected uint8"),
    (np.full((2, 8, 8, 1), 255.0), ValueError, "from 255.0 to 255.0"),
    (np.full((2, 8, 8, 1), np.nan), ValueError, "from nan"),
  ],
)
def test_other_images_are_refused(encode, images, error, message):
  with pytest.raises(error, match=message):
    encode(images)


def test_in_a_pipeline_of_scikit_learn(encode, digits):
  train, test = digits.train, digits.test
  pipeline = make_pipeline(
    FunctionTransformer(encode),
    StandardScaler(),
    LogisticRegression(max_iter=300),
  )
  pipeline = sklearn_base.clone(pipeline)
  assert pipeline.get_params()["functiontransformer__func"] is encode
  pipeline.fit(train.pixels[:300], train.labels[:300])
  accuracy = pipeline.score(test.pixels, test.labels)
  assert accuracy > 0.6  # after three epochs; chance is 0.1
  again = pickle.loads(pickle.dumps(pipeline))
  np.testing.assert_array_equal(
    again.predict(test.pixels[:20]), pipeline.predict(test.pixels[:20])
  )
  assert copy.deepcopy(encode) is encode


def test_the_example_prints_the_accuracy(small_run):
  script = running.ROOT / "examples" / "logistic_regression.py"
  process = running.start_script(script, small_run)
  output, _ = process.communicate(timeout=300)
  assert process.returncode == 0, output
  accuracy = re.search(r"encoder: ([\d.]+)% of 355 digits", output)
  assert float(accuracy[1]) > 50


_LIGHT = """
import sys
import numpy as np
import suncet_jax
assert "load_encoder" in dir(suncet_jax)
print(sorted({"jax", "flax"} & set(sys.modules)))
encode = suncet_jax.load_encoder(sys.argv[1])
assert encode(np.zeros((1, 8, 8, 1))).shape == (1, encode.feature_size)
heavy = {"tensorflow", "torch", "sklearn", "matplotlib", "clu"}
print(sorted(heavy & set(sys.modules)))
"""


def test_it_loads_when_asked_for_and_brings_no_tensorflow(small_run):
  # Programs of `running` start with everything imported.
  command = [sys.executable, "-c", _LIGHT, str(small_run)]
  done = subprocess.run(command, capture_output=True, text=True, check=True)
  assert done.stdout.split() == ["[]", "[]"]
  assert done.stderr == ""


def test_files_and_folders_give_the_same(small_run, encode, digits, tmp_path):
  images = digits.test.pixels[:5]
  expected = encode(images)
  weights = files.read(small_run)
  for name in ("a.npz", "a.safetensors", "folder"):
    files.write(weights, tmp_path / name, FORMAT)
    np.testing.assert_array_equal(
      load_encoder(tmp_path / name)(images), expected
    )
  files.write(weights, tmp_path / "torch.npz", "suncet")
  np.testing.assert_array_equal(
    load_encoder(tmp_path / "torch.npz")(images), expected
  )


def test_stablehlo_gives_the_same(encode, small_run, digits):
  program = jax.export.deserialize(
    bytearray(stablehlo.serialised(files.read(small_run)))
  )
  assert program.platforms == ("cpu", "cuda", "tpu")
  call = jax.jit(program.call)
  for count in (1, 3):
    images = digits.test.pixels[:count]
    features = call((images / 255).astype(np.float32))
    np.testing.assert_allclose(features, encode(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 3])
def test_large_images_are_resized_as_evaluation_does(tmp_path, channels):
  spec = Images(
    channels, size=10, resize=12, mean=(0.5,) * channels, std=(0.25,) * channels
  )
  files.write(_weights(spec), tmp_path / "a.npz", FORMAT)
  encode = load_encoder(tmp_path / "a.npz")
  rng = np.random.default_rng(0)
  images = rng.integers(0, 256, (3, 31, 44, channels), np.uint8)
  small = np.stack([_as_evaluated(image, spec) for image in images])
  expected = encode(small[..., :channels])
  np.testing.assert_array_equal(encode(images), expected)
  with pytest.raises(ValueError, match="expected 10 x 10; those in uint8"):
    encode(images / 255)
  with pytest.raises(ValueError, match="no projection head"):
    encode.project(images)


def _as_evaluated(image, spec):
  file = io.BytesIO()
  Image.fromarray(image.squeeze()).save(file, "PNG")
  return crops.centre(file.getvalue(), spec.resize, spec.size)


def test_normalisation_is_applied(tmp_path):
  plain = _weights(Images(3, size=8))
  mean, std = pytorch_names.NORMALISATIONS["imagenet"]
  normalised = plain._replace(images=Images(3, 8, 0, mean, std))
  for name, weights in (("a", plain), ("b", normalised)):
    files.write(weights, tmp_path / f"{name}.npz", FORMAT)
  images = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
  shifted = images * np.float32(std) + np.float32(mean)
  np.testing.assert_allclose(
    load_encoder(tmp_path / "b.npz")(shifted),
    load_encoder(tmp_path / "a.npz")(images),
    rtol=1e-4,
    atol=1e-5,
  )


def test_images_get_the_size_of_the_evaluation(tmp_path):
  plain = _weights(Images(1, size=8))
  resizing = plain._replace(images=Images(1, size=8, evaluated=8))
  for name, weights in (("a", plain), ("b", resizing)):
    files.write(weights, tmp_path / f"{name}.npz", FORMAT)
  images = np.random.default_rng(0).random((2, 11, 11, 1), np.float32)
  small = jax.image.resize(images, (2, 8, 8, 1), "linear")
  encode = load_encoder(tmp_path / "b.npz")
  np.testing.assert_allclose(
    encode(images), load_encoder(tmp_path / "a.npz")(small), rtol=1e-5
  )
  assert encode.images.evaluated == 8


def _saved_run(folder, method="suncet", **settings):
  """Writes a run's folder with one checkpoint of random numbers."""
  with (running.ROOT / "configs" / "digits.py").open() as file:
    recipe = {}
    exec(file.read(), recipe)
  made = recipe["get_config"](f"method={method}")
  made.data.labelled.images_per_class = 4  # eight devices can share 40 rows
  made.update_from_flattened_dict(settings)
  folder.mkdir()
  (folder / "config.json").write_text(json.dumps(made.to_dict()))
  experiment = build(made)
  rng = np.random.default_rng(0)

  def draw(x):
    numbers = rng.random(x.shape)
    # Kernels of both signs, or else no activation would change anything.
    return (numbers - 0.5 if x.ndim > 1 else numbers).astype(x.dtype)

  state = jax.tree.map(draw, experiment.state_template())
  with Checkpoints(folder / "checkpoints") as checkpoints:
    checkpoints.save(5, state, resume.metadata(experiment))
    checkpoints.wait()
  return state


def test_averaged_weights_are_taken_where_there_are_some(tmp_path):
  state = _saved_run(tmp_path / "run", **{"train.ema_decay": 0.9})
  weights = files.read(tmp_path / "run")
  kernel = weights.leaves["head", "dense1", "kernel"]
  np.testing.assert_array_equal(
    kernel, state.average[0]["head"]["dense1"]["kernel"]
  )
  assert not np.array_equal(kernel, state.params["head"]["dense1"]["kernel"])
  mean = weights.leaves["backbone", "stem", "norm", "mean"]
  np.testing.assert_array_equal(
    mean, state.average[1]["backbone"]["stem"]["norm"]["mean"]
  )


# Their configurations have groups for views of their own.
@pytest.mark.parametrize("method", ["supervised", "fixmatch"])
def test_a_classifier_is_the_head_where_there_is_no_other(tmp_path, method):
  state = _saved_run(tmp_path / "run", method)
  encode = load_encoder(tmp_path / "run")
  assert encode.projection_size == 10
  images = np.zeros((2, 8, 8, 1), np.uint8)
  head = state.encoder[0]["logits"]["dense1"]
  _assert_close(
    encode.project(images), encode(images) @ head["kernel"] + head["bias"]
  )


# Of methods with several heads; the first is that of CoMatch.
_HEADS = {
  "projection": MLP(layers=2, out=6, activation="leaky_relu"),
  "logits": MLP(layers=1, out=10, init="glorot"),
  "prediction": MLP(layers=2, out=6, batch_norm=True, of="projection"),
  "prototypes": MLP(
    layers=1, out=5, use_bias=False, unit_inputs=True, of="projection"
  ),
}


@pytest.fixture
def several_heads(tmp_path, monkeypatch):
  """Returns the folder and state of a run with further heads."""
  kind = type(plugins.method_spec("suncet"))
  monkeypatch.setattr(kind, "heads", lambda *_: _HEADS)
  return tmp_path / "run", _saved_run(tmp_path / "run")


def test_one_of_several_heads_is_read_as_it_was_trained(
  several_heads, tmp_path
):
  run, state = several_heads
  encode = load_encoder(run)
  images = np.random.default_rng(1).integers(0, 256, (4, 8, 8, 1), np.uint8)
  features, head = encode(images), state.params["head"]
  hidden = features @ head["dense1"]["kernel"] + head["dense1"]["bias"]
  assert encode.projection_size == 6
  assert (hidden < 0).any()
  hidden = np.where(hidden > 0, hidden, 0.1 * hidden)
  _assert_close(
    encode.project(images),
    hidden @ head["dense2"]["kernel"] + head["dense2"]["bias"],
  )
  logits = state.params["logits"]["dense1"]
  classifier = load_encoder(run, part="logits")
  _assert_close(
    classifier.project(images), features @ logits["kernel"] + logits["bias"]
  )
  weights = files.read(run)
  files.write(weights, tmp_path / "a.npz", FORMAT)
  assert files.read(tmp_path / "a.npz").model == weights.model
  again = load_encoder(tmp_path / "a.npz")
  np.testing.assert_array_equal(again.project(images), encode.project(images))


def _assert_close(found, expected):
  size = np.abs(expected).max()
  np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * size)


def test_heads_that_are_left_out_are_named(several_heads, tmp_path):
  run, _ = several_heads
  weights = files.read(run)
  assert weights.left_out == [
    "head logits (--part=logits)",
    "head prediction",
    "head prototypes",
  ]
  with pytest.raises(ValueError, match="must not have activation"):
    files.write(weights, tmp_path / "a.npz", "suncet")
  files.write(files.read(run, part="logits"), tmp_path / "a.npz", "suncet")
  with pytest.raises(ValueError, match="a head of the head 'projection'"):
    load_encoder(run, part="prediction")
  with pytest.raises(ValueError, match=r"no such head.*: projection, logits"):
    load_encoder(run, part="teacher")


def test_networks_beside_the_encoder_are_left_alone(tmp_path):
  state = _saved_run(tmp_path / "run", "ugan", **{"train.ema_decay": 0.0})
  assert "critic" in state.params
  weights = files.read(tmp_path / "run")
  assert {path[0] for path in weights.leaves} == {"backbone", "head"}
  assert weights.left_out == [
    f"network {name}" for name in sorted(plugins.method_spec("ugan").players)
  ]
  files.write(weights, tmp_path / "a.npz", FORMAT)
  assert load_encoder(tmp_path / "a.npz").feature_size == 64


def test_fixmatchs_wide_resnet_has_our_own_names_only(tmp_path):
  images = Images(channels=3, size=32)
  weights = _weights(images, name="wrn28_2_fixmatch")
  files.write(weights, tmp_path / "a.npz", FORMAT)
  again = files.read(tmp_path / "a.npz")
  assert again.model == weights.model
  for path, leaf in weights.leaves.items():
    np.testing.assert_array_equal(again.leaves[path], leaf)
  for layout in LAYOUTS:
    with pytest.raises(ValueError, match=rf"--to={layout} .*--to=suncet_jax"):
      files.write(weights, tmp_path / "b.npz", layout)


def test_a_run_without_a_checkpoint_is_named(tmp_path, small_run):
  run = tmp_path / "run"
  (run / "checkpoints").mkdir(parents=True)
  (run / "config.json").write_text((small_run / "config.json").read_text())
  with pytest.raises(ValueError, match="holds no checkpoint yet"):
    load_encoder(run)
  with pytest.raises(ValueError, match="no folder of a run"):
    load_encoder(tmp_path)
  with pytest.raises(ValueError, match="batch_size must be at least 1"):
    load_encoder(small_run, batch_size=0)


@pytest.mark.parametrize("method", ["suncet", "supervised"])
def test_folders_of_version_0_1_are_read(tmp_path, method):
  """Their checkpoints name neither channels nor classes."""
  state = _saved_run(tmp_path / "run", method)
  params = dict(state.params)
  params["head"] = params.pop("logits", params.get("head"))
  stats = {"backbone": state.batch_stats["backbone"], "head": {}}
  old = {
    "params": params,
    "batch_stats": stats,
    "average": (),
    "extras": (),
    "step": state.step,
  }
  shutil.rmtree(tmp_path / "run" / "checkpoints")
  with Checkpoints(tmp_path / "run" / "checkpoints") as checkpoints:
    # As the fields of the state were named then, by attributes of a class.
    checkpoints.save(5, _Former(**old), {"config": {}})
    checkpoints.wait()
  encode = load_encoder(tmp_path / "run")
  assert encode.images.channels == 1
  assert encode.projection_size == (10 if method == "supervised" else 64)
  kernel = files.read(tmp_path / "run").leaves["head", "dense1", "kernel"]
  np.testing.assert_array_equal(kernel, params["head"]["dense1"]["kernel"])


@struct.dataclass
class _Former:
  params: dict
  batch_stats: dict
  average: tuple
  extras: tuple
  step: jax.Array
