"""A method of a user: the example's loss, its runs, and what is left of them.

What every method keeps to is in test_conformance.py.
"""

import json
import re
import shutil

import jax
import numpy as np
import pytest
import running
import virtual

from examples.own_method.method import dcl
from suncet_jax import load_encoder, models
from suncet_jax.architectures import MLP
from suncet_jax.config import base
from suncet_jax.errors import UserError
from suncet_jax.methods.encode import ViewEncoder
from suncet_jax.plugins import method_module, method_spec

_FOLDER = running.ROOT / "examples" / "own_method"
_SHORT = (
  "--config.evals.final=('knn',)",
  "--config.data.validation.per_class=5",
  "--config.log.tensorboard=False",
)


@pytest.mark.parametrize("temperature", [0.1, 0.7])
def test_the_loss_is_that_of_the_paper(temperature):
  rng = np.random.default_rng(0)
  views = rng.normal(size=(2, 5, 3)).astype(np.float32)
  unit = views / np.linalg.norm(views, axis=-1, keepdims=True)
  losses, cosines = [], []
  for view in range(2):
    for image in range(5):
      anchor = unit[view, image]
      positive = anchor @ unit[1 - view, image]
      negatives = [
        anchor @ unit[other_view, other]
        for other_view in range(2)
        for other in range(5)
        if other != image
      ]
      total = np.sum(np.exp(np.array(negatives) / temperature))
      losses.append(np.log(total) - positive / temperature)
      cosines.append(positive)
  loss, cosine = dcl(*views, temperature)
  np.testing.assert_allclose(loss, np.mean(losses), rtol=1e-5)
  np.testing.assert_allclose(cosine, np.mean(cosines), rtol=1e-5)


def test_the_gradient_is_finite_where_embeddings_are_zero_or_alike():
  rows = np.zeros((4, 3), np.float32)
  for embeddings in (rows, rows + 1):
    gradient = jax.grad(lambda x: dcl(x, x, 0.1)[0])(embeddings)
    assert np.isfinite(gradient).all()


def _train(name, workdir, cwd, cache):
  code, output = running.run(
    "suncet_jax.main",
    f"--config={running.ROOT}/configs/digits.py:method={name},epochs=1",
    f"--workdir={workdir}",
    *_SHORT,
    cache=cache,
    cwd=cwd,
  )
  assert code == 0, output


@pytest.fixture(scope="module")
def run(tmp_path_factory, cache):
  """The run of a copy, own_method, started in the folder that it lies in."""
  folder = tmp_path_factory.mktemp("project")
  ignored = shutil.ignore_patterns("__pycache__")
  shutil.copytree(_FOLDER, folder / "own_method", ignore=ignored)
  _train("own_method", "run", folder, cache)
  return folder / "run"


def test_it_trains_by_its_name_from_the_folder_it_lies_in(run):
  result = json.loads((run / "result.json").read_text())
  assert result["epochs"] == 1
  assert 0 <= result["metrics"]["knn_top1"] <= 1
  header = (run / "metrics.csv").read_text().splitlines()[0].split(",")
  assert {"dcl", "positive_cosine"} <= set(header)


def test_it_is_the_same_training_by_its_dotted_name(run, tmp_path, cache):
  other = tmp_path / "run"
  _train("examples.own_method", other, running.ROOT, cache)
  one, two = (json.loads((f / "result.json").read_text()) for f in (run, other))
  assert one["params_digest"] == two["params_digest"]


def test_a_run_is_used_where_its_method_is_not(run, tmp_path):
  with pytest.raises(UserError):
    method_spec("own_method")
  encode = load_encoder(run)
  images = np.zeros((2, 8, 8), np.uint8)
  assert encode(images).shape == (2, encode.feature_size)
  assert encode.project(images).shape == (2, 64)
  code, output = running.run("suncet_jax.report", run, cwd=tmp_path)
  assert code == 0, output
  page = (tmp_path / "report.html").read_text()
  assert "cosine of an image&#39;s two views" in page
  assert "Other measurements" not in page
  assert "Other measurements" not in (run / "report.html").read_text()


def test_it_is_evaluated_again_where_its_method_is(run, tmp_path):
  flags = f"--workdir={run}", "--evals=knn"
  code, output = running.run("suncet_jax.evaluate", *flags, cwd=run.parent)
  assert code == 0, output
  code, output = running.run("suncet_jax.evaluate", *flags, cwd=tmp_path)
  assert code == 2
  assert "method.name is 'own_method'" in output
  assert "(No module named 'own_method')" in output
  assert "Traceback" not in output


@pytest.mark.parametrize(
  ("name", "message"),
  [
    ("simcrl", "'simcrl', expected one of .*: is simclr meant?"),
    ("examples.own_methods", "No module named 'examples.own_methods'"),
    ("examples/own_method", "with dots, such as my_project.my_method"),
    ("", "method.name is '', expected one of"),
    ("no_spec", "'no_spec', but that module has no spec.py"),
    ("no_spec.empty", "'no_spec.empty', but .*spec.py holds no SPEC"),
  ],
)
def test_a_name_that_is_none_gets_one_message(name, message, module_folder):
  (module_folder / "no_spec" / "empty").mkdir(parents=True)
  (module_folder / "no_spec" / "__init__.py").touch()
  (module_folder / "no_spec" / "empty" / "spec.py").touch()
  with pytest.raises(UserError, match=message):
    method_spec(name)


@pytest.mark.parametrize("missing", ["not_there", "fau", "faulty_too"])
def test_an_error_inside_of_a_module_is_not_taken_for_a_wrong_name(
  missing, module_folder
):
  (module_folder / "faulty").mkdir()
  (module_folder / "faulty" / "spec.py").write_text(f"import {missing}\n")
  with pytest.raises(ModuleNotFoundError, match=f"'{missing}'") as caught:
    method_module("faulty", "spec")
  assert str(caught.traceback[-1].path).endswith("spec.py")


@pytest.mark.parametrize("override", [(), ("--config.seed=3",)])
def test_the_command_says_where_a_module_fails(override, tmp_path):
  (tmp_path / "faulty").mkdir()
  (tmp_path / "faulty" / "spec.py").write_text("import not_there\n")
  code, output = running.run(
    "suncet_jax.main",
    f"--config={running.ROOT}/configs/digits.py:method=faulty",
    "--workdir=runs",
    *override,
    cwd=tmp_path,
  )
  assert code == 1
  assert f"{tmp_path}/faulty/spec.py" in output
  assert "No module named 'not_there'" in output


def test_the_page_shows_the_example_as_it_is():
  page = (running.ROOT / "docs" / "own_method.md").read_text()
  blocks = re.findall(r"```python\n# (\w+\.py)\n(.*?)```", page, re.DOTALL)
  assert {file for file, _ in blocks} == {"spec.py", "method.py", "recipes.py"}
  for file, code in blocks:
    assert code in (_FOLDER / file).read_text()


def test_the_pages_heads_make_a_model():
  page = (running.ROOT / "docs" / "own_method.md").read_text()
  code = re.search(r"```python\n(def heads.*?)```", page, re.DOTALL)[1]
  defined = {"MLP": MLP}
  exec(code, defined)
  config = base("simclr")
  config.model.name = "resnet8"
  model = models.build(
    config.model, heads=defined["heads"](None, config, class_count=10)
  )
  assert model.over_all_views == ("projection", "prediction")
  encode = ViewEncoder(model, virtual.mesh(1))
  views = [np.zeros((2, size, size, 1), np.float32) for size in (64, 32)]
  outputs, _ = jax.eval_shape(
    lambda key: encode(*model.init(key, (64, 64, 1)), views), jax.random.key(0)
  )
  assert [out["prediction"].shape for out in outputs] == [(2, 128)] * 2


@pytest.fixture
def module_folder(tmp_path, monkeypatch):
  """A folder that modules are found in."""
  monkeypatch.syspath_prepend(tmp_path)
  return tmp_path
