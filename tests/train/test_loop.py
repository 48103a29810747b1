"""The loop: phases, divergence, folders, the table of metrics."""

import pytest
import running
import tiny

from suncet_jax.config import base
from suncet_jax.methods.base import BatchSpec
from suncet_jax.train.phases import Phase, phases
from suncet_jax.workdir.folder import FolderError, FolderInUseError, RunFolder
from suncet_jax.workdir.metrics_csv import MetricsFile


def test_segments_cover_every_step_once_and_count_images():
  # Labels of 4 classes x 2 images until the second of four epochs.
  experiment = tiny.experiment(
    method="suncet", epochs=4, **{"method.supervised_epochs": 2}
  )
  assert (experiment.steps_per_epoch, experiment.total_steps) == (4, 16)
  first, second = phases(experiment)
  assert (first.start, first.stop) == (0, 8)
  assert (second.start, second.stop) == (8, 16)
  assert first.images_at(8) == second.images_at(8) == 8 * (2 * 16 + 8)
  assert second.images_at(16) == 8 * (2 * 16 + 8) + 8 * 2 * 16
  of_one = first.flops_per_step / (2 * 16 + 8)
  assert first.flops_at(8) == second.flops_at(8) == 8 * 40 * of_one
  assert second.flops_at(16) == 8 * 40 * of_one + 8 * 32 * of_one


def test_images_are_counted_from_the_start_of_a_segment():
  assert Phase(10, 20, BatchSpec(()), 500, 7).images_at(12) == 514


def test_sizes_that_do_not_fit_the_devices_are_an_error(tmp_path):
  code, output = running.run(
    "suncet_jax.main",
    *running.SMALL,
    "--config.data.batch_size=30",
    f"--workdir={tmp_path}",
    devices=4,
  )
  assert code == 2
  assert "data.batch_size is 30, which 4 devices cannot share" in output
  assert "28 or 32" in output


def test_a_folder_takes_one_configuration(tmp_path):
  config = base()
  first = RunFolder(tmp_path / "run")
  first.claim(config)
  first.keep_config(config)
  del first
  RunFolder(tmp_path / "run").claim(config)  # the same one again
  config.optim.peak_lr = 0.5
  with pytest.raises(FolderError, match=r"optim.peak_lr: 1.0 -> 0.5"):
    RunFolder(tmp_path / "run").claim(config)


def test_a_start_that_failed_does_not_keep_the_folder(tmp_path):
  code, output = running.run(
    "suncet_jax.main",
    *running.SMALL,
    "--config.data.batch_size=5000",
    f"--workdir={tmp_path}",
  )
  assert code == 2
  assert "Lower --config.data.batch_size" in output
  RunFolder(tmp_path).claim(base())  # any other configuration may have it


def test_a_file_is_no_folder(tmp_path):
  (tmp_path / "file").write_text("")
  with pytest.raises(FolderError, match="cannot be used as --workdir"):
    RunFolder(tmp_path / "file").claim(base())


def test_a_folder_takes_one_process(tmp_path):
  first = RunFolder(tmp_path)
  first.claim(base())
  with pytest.raises(FolderInUseError, match="Another process is at work"):
    RunFolder(tmp_path).claim(base())


def test_evaluations_belong_to_parameters(tmp_path):
  folder = RunFolder(tmp_path)
  folder.write_evaluations("abc", {"knn_top1": 0.5})
  assert folder.evaluations("abc") == {"knn_top1": 0.5}
  assert folder.evaluations("abd") == {}


def test_a_resumed_table_drops_what_will_be_made_again(tmp_path):
  table = MetricsFile(tmp_path / "metrics.csv", 0)
  for step in (10, 20, 30):
    table.add({"step": step, "loss": step / 7})
  table.add({"step": 40, "loss": 1.0, "val_knn_top1": 0.5})
  table.write()
  again = MetricsFile(tmp_path / "metrics.csv", 20)
  again.add({"step": 30, "loss": 2.0})
  again.write()
  lines = (tmp_path / "metrics.csv").read_text().splitlines()
  assert lines == [
    "step,loss",
    "10,1.4285714285714286",
    "20,2.857142857142857",
    "30,2.0",
  ]
