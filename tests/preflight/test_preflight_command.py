"""`python -m suncet_jax.preflight` as a user runs it.

Real compilers are dear, and come with extras: those tests are slow ones.
"""

import json
import signal

import pytest
import running

from suncet_jax import plugins

_DIGITS = (
  f"--config={running.ROOT}/configs/digits.py",
  # Four devices can share 40 labelled rows.
  "--config.data.labelled.images_per_class=4",
)


def _preflight(*flags, **settings):
  return running.run(
    "suncet_jax.preflight", *flags, optimized=True, timeout=900, **settings
  )


@pytest.mark.parametrize(
  ("flags", "said"),
  [
    ((), "--on is missing"),
    (("--on=v9:2x2",), "expected one of v4, v5e"),
    (("--on=v5e:8x8", "--config.precision=float8"), "precision is 'float8'"),
    (("--on=v5e:8x8", "further"), "unexpected arguments"),
  ],
)
def test_a_wrong_command_ends_with_one_message(flags, said):
  code, output = _preflight(*_DIGITS, *flags)
  assert code == 2
  assert said in output
  assert "Traceback" not in output


def _devices(folder):
  return json.loads((folder / "preflight.json").read_text())["devices"]


@pytest.mark.slow
@pytest.mark.parametrize("method", plugins.method_names())
def test_a_step_of_every_method_compiles_for_tpus(tmp_path, method):
  pytest.importorskip("libtpu")
  config, rows = _DIGITS
  if "images" not in plugins.method_spec(method).rows:
    config = "--config=configs/clips.py"
    method += ",synthetic=" + ("mouths" if method == "lira" else "shapes")
  code, output = _preflight(
    f"{config}:method={method}", rows, "--on=v5e:2x2", f"--out={tmp_path}"
  )
  assert code == 0, output
  (found,) = _devices(tmp_path)
  step = found["steps"][0]
  assert step["memory"]["fits"]
  assert step["seconds"]["parts_by"] == "XLA's cycle model"
  parts = step["seconds"]["parts"]
  assert {"augmentation", "forward", "backward", "optimizer"} <= parts.keys()
  # Their equalisation goes on as long as there are images left to equalise.
  loops = 1 if method in ("comatch", "fixmatch") else 0
  assert step["loops_of_unknown_length"] == loops
  assert any("suncet_jax/" in each["source"] for each in step["dearest"])
  assert step["collectives"]["all-reduce"]["bytes"] > 300_000
  assert "suncet_jax" in (tmp_path / "preflight.html").read_text()


@pytest.mark.slow
def test_a_step_compiles_for_gpus(tmp_path):
  pytest.importorskip("jax_plugins.xla_cuda12")
  code, output = _preflight(*_DIGITS, "--on=h100x4", f"--out={tmp_path}")
  assert code == 0, output
  (found,) = _devices(tmp_path)
  step = found["steps"][0]
  assert step["counted_by"] == "us"
  assert step["flops"] > 1e8
  assert step["collectives"]["all-reduce"]["bytes"] > 300_000


@pytest.mark.slow
def test_what_does_not_fit_is_told_with_the_setting_to_change(tmp_path):
  pytest.importorskip("libtpu")
  code, output = _preflight(
    *_DIGITS, "--on=v5e:1x1", f"--out={tmp_path}", "--config.augment.size=1024"
  )
  assert code == 1
  (found,) = _devices(tmp_path)
  assert not found["compiles"]
  assert "Ran out of memory" in found["reason"]
  assert "train.micro_batches" in output


@pytest.mark.slow
def test_a_compilation_is_interrupted_at_once():
  pytest.importorskip("libtpu")
  process = running.start("suncet_jax.preflight", *_DIGITS, "--on=v5e:2x2")
  running.wait_for(process, "compiling", timeout=300)
  process.send_signal(signal.SIGINT)
  output, _ = process.communicate(timeout=10)
  assert process.returncode == 130
  assert "SIGINT received: stopped." in output


@pytest.mark.slow
def test_a_function_of_a_user():
  pytest.importorskip("libtpu")
  code, output = running.run_code(
    """
import jax
from jax.sharding import NamedSharding, PartitionSpec
from suncet_jax import preflight

rows = NamedSharding(preflight.mesh_of("v5e:2x2"), PartitionSpec("data"))
found = preflight.compile_for(
  lambda x: (x @ x.T).sum(),
  [jax.ShapeDtypeStruct((4096, 256), "bfloat16", sharding=rows)],
  on="v5e:2x2",
)
assert found.memory.kinds["arguments"] == 4096 * 256 * 2 // 4, found
assert found.seconds > 0
assert found.collectives
""",
    optimized=True,
  )
  assert code == 0, output
