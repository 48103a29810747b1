"""Process of one run of a comparison.

    python -m suncet_jax.compare.job FOLDER [CPU,CPU...]

The folder holds `job.json`, which `python -m suncet_jax.compare` wrote.
"""

import os

from absl import app
from etils import epath

from suncet_jax import command_line
from suncet_jax.config import from_dict
from suncet_jax.console import program, streams
from suncet_jax.devices.host import keep_freed_memory
from suncet_jax.files.formats import read_json


def main(argv: list[str]) -> int:
  """Trains and measures, going on from the newest checkpoint."""
  streams.prepare()
  folder = epath.Path(argv[1])
  if len(argv) > 2:
    os.sched_setaffinity(0, map(int, argv[2].split(",")))
  job = read_json(folder / "job.json")
  config = from_dict(job["config"])
  command_line.quiet_libraries()
  keep_freed_memory()
  with command_line.clear_errors(command_line.TRAINING_STOPPED):
    from suncet_jax.compare.measure import Measures, measure
    from suncet_jax.train.run import run
    from suncet_jax.workdir.compilation_cache import programs_kept
    from suncet_jax.workdir.folder import RunFolder

    if job["trains"]:
      code = run(config, folder, program.as_typed())
      if code or not RunFolder(folder).finished_result():
        return code
    measured = {k: from_dict(v) for k, v in job["measured"].items()}
    with programs_kept(config, RunFolder(folder)):
      for images in job["on"]:
        what = Measures(images, job["trains"], tuple(job["by"]))
        measure(folder, config, measured, what)
  (folder / "done").touch()
  return 0


if __name__ == "__main__":
  app.run(main, flags_parser=command_line.parse_flags)
