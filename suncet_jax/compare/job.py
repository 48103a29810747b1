"""One run of a comparison, in a process of its own.

    python -m suncet_jax.compare.job FOLDER

The folder holds `job.json`, which `python -m suncet_jax.compare` wrote.
"""

import json

from absl import app
from etils import epath

from suncet_jax import command_line, cpu_memory
from suncet_jax.config import from_dict


def main(argv: list[str]) -> int:
  """Trains and measures; goes on from where the folder stands."""
  folder = epath.Path(argv[1])
  job = json.loads((folder / "job.json").read_text())
  command_line.quiet_libraries()
  cpu_memory.keep()
  with command_line.clear_errors(command_line.TRAINING_STOPPED):
    from suncet_jax.compare.measure import measure
    from suncet_jax.train.folder import RunFolder
    from suncet_jax.train.programs import programs_kept
    from suncet_jax.train.run import run

    config = from_dict(job["config"])
    code = run(config, folder, command_line.as_typed())
    run_folder = RunFolder(folder)
    if code or not run_folder.finished_result():
      return code
    with programs_kept(config, run_folder):
      measured = {k: from_dict(v) for k, v in job["measured"].items()}
      measure(folder, config, measured)
  (folder / "done").touch()
  return 0


if __name__ == "__main__":
  app.run(main, flags_parser=command_line.parse_flags)
