"""Images that cannot be had any more end a run after a checkpoint."""

import re
import shutil

import image_files
import pytest
import running

_SMALL = (
  "--config.model.name=resnet8",
  "--config.model.stem=cifar_stride2",
  "--config.model.head.hidden=16",
  "--config.evals.every_epochs=0.0",
  "--config.evals.final=('knn',)",
  "--config.log.every_steps=1",
  "--config.log.tensorboard=False",
  "--config.checkpoint.every_epochs=1000.0",
)


@pytest.fixture
def folder(tmp_path):
  """Two classes of 20 images."""
  for part, count in (("train", 20), ("test", 2)):
    for name in "ab":
      place = tmp_path / part / name
      place.mkdir(parents=True)
      for i in range(count):
        photograph = image_files.photograph(12, 16, shift=i)
        (place / f"{i}.png").write_bytes(image_files.encode(photograph))
  return tmp_path


def _start(folder, cache, *flags, devices=1):
  arguments = f"train={folder}/train,test={folder}/test,size=8,batch=8"
  return running.start(
    "suncet_jax.main",
    f"--config={running.ROOT}/configs/folder.py:{arguments},epochs=100000",
    *_SMALL,
    f"--workdir={folder}/run",
    *flags,
    cache=cache,
    devices=devices,
  )


def test_a_run_saves_before_it_ends(folder, cache):
  process = _start(folder, cache)
  running.wait_for(process, "step 5/")
  shutil.rmtree(folder / "train" / "a")
  output, _ = process.communicate(timeout=120)
  assert process.returncode == 1, output
  assert re.search(r"Error: Reading image a/\d+\.png failed", output)
  assert "Traceback" not in output
  saved = int(re.search(r"Step (\d+) is saved", output)[1])
  assert saved >= 5
  assert (folder / "run" / "checkpoints" / str(saved)).exists()


@pytest.mark.slow
def test_of_two_processes_both_save_the_same_step(folder, cache):
  port = running.free_port()
  processes = [
    _start(
      folder,
      cache,
      f"--coordinator=127.0.0.1:{port}",
      "--process_count=2",
      f"--process_id={number}",
    )
    for number in range(2)
  ]
  running.wait_for(processes[0], "step 5/")
  shutil.rmtree(folder / "train" / "a")
  outputs = [p.communicate(timeout=120)[0] for p in processes]
  codes = [process.returncode for process in processes]
  assert 1 in codes, outputs  # whoever met the gap first; perhaps both
  said = "".join(outputs)
  assert "Traceback" not in said
  saved = {int(x) for x in re.findall(r"tep (\d+) is saved", said)}
  assert len(saved) == 1, said
  assert (folder / "run" / "checkpoints" / str(saved.pop())).exists()
