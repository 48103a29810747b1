"""Another configuration or model on an old folder is refused, unharmed."""

import fault_runs
import pytest

_WIDER = "--config.model.head.out=32"


@pytest.fixture
def unfinished(small_run, tmp_path):
  return fault_runs.copy_unfinished(small_run, tmp_path / "run")


def _refused(workdir, cache, *flags):
  """Runs with other flags; returns the output, after checking the folder."""
  before = fault_runs.files(workdir)
  output = fault_runs.run(workdir, cache, *flags, code=2)
  assert "Traceback" not in output
  assert fault_runs.files(workdir) == before
  return output


def test_another_configuration(unfinished, cache):
  output = _refused(unfinished, cache, "--config.optim.peak_lr=0.123", _WIDER)
  assert "optim.peak_lr: 0.0001 -> 0.123" in output
  assert "model.head.out: 64 -> 32" in output


@pytest.mark.parametrize("change", ["edited", "removed"])
def test_a_checkpoint_of_another_model(unfinished, cache, change):
  config = unfinished / "config.json"
  if change == "edited":
    text = config.read_text()
    assert '"out": 64' in text
    config.write_text(text.replace('"out": 64', '"out": 32'))
  else:
    config.unlink()
  output = _refused(unfinished, cache, _WIDER)
  assert "of another model" in output
  assert "float32[64, 64] -> float32[64, 32]" in output


def test_a_checkpoint_of_another_configuration(unfinished, cache):
  (unfinished / "config.json").unlink()
  output = _refused(unfinished, cache, "--config.optim.peak_lr=0.123")
  assert "optim.peak_lr: 0.0001 -> 0.123" in output
