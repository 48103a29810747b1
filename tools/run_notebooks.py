"""Executes the notebooks of colabs/ and saves their outputs in place.

    python tools/run_notebooks.py [colabs/quickstart.ipynb ...]

Run it after a notebook, or the code that it shows, has changed. The kernel is
the Python that runs this. The notebook runs in a new folder with a link to
configs/ beside it, so that nothing is left of earlier runs. Text, tables and
pictures are saved, but neither the error stream, which holds progress and
warnings, nor anything about the machine.
"""

import argparse
import os
import pathlib
import sys
import tempfile

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

ROOT = pathlib.Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "colabs"
_SECONDS_PER_CELL = 1200
_METADATA = {
  "kernelspec": {
    "display_name": "Python 3",
    "language": "python",
    "name": "python3",
  },
  "language_info": {"name": "python"},
}


class _ThisPython(KernelSpecManager):
  """A manager with one kernel: the Python that runs this."""

  def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
    start = [
      "-m",
      "ipykernel_launcher",
      "-f",
      "{connection_file}",
      "--log-level=40",
    ]
    return KernelSpec(
      argv=[sys.executable, *start], display_name="Python 3", language="python"
    )


def read(path: pathlib.Path) -> nbformat.NotebookNode:
  """Returns a notebook as it is saved."""
  return nbformat.read(path, as_version=4)


def execute(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
  """Executes a notebook from top to bottom.

  Args:
    notebook: Notebook, which stays unchanged.

  Returns:
    The same cells with their new outputs, ready to be saved.

  Raises:
    nbclient.exceptions.CellExecutionError: If a cell fails.
  """
  executed = nbformat.from_dict(notebook)
  with tempfile.TemporaryDirectory() as folder:
    folder = os.path.realpath(folder)
    place = pathlib.Path(folder, "colabs")
    place.mkdir()
    pathlib.Path(folder, "configs").symlink_to(ROOT / "configs")
    client = NotebookClient(
      executed,
      km=AsyncKernelManager(kernel_spec_manager=_ThisPython()),
      resources={"metadata": {"path": str(place)}},
      timeout=_SECONDS_PER_CELL,
      record_timing=False,
      coalesce_streams=True,
    )
    client.execute(env=_environment(folder))
  return _cleaned(executed, f"{place}{os.sep}")


def _environment(folder: str) -> dict[str, str]:
  """Returns variables: the kernel's `python`, and no settings of the user."""
  programs = str(pathlib.Path(sys.executable).parent)
  return os.environ | {
    "PATH": programs + os.pathsep + os.environ.get("PATH", os.defpath),
    "IPYTHONDIR": str(pathlib.Path(folder, "ipython")),
    "JAX_PLATFORMS": "cpu",
    "MPLCONFIGDIR": str(pathlib.Path(folder, "matplotlib")),
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # a warning of ipykernel's debugger
  }


def _cleaned(
  notebook: nbformat.NotebookNode, folder: str
) -> nbformat.NotebookNode:
  """Removes metadata and errors; makes paths relative to `folder`."""
  notebook.metadata = nbformat.from_dict(_METADATA)
  for cell in notebook.cells:
    cell.metadata = nbformat.from_dict({})
    if cell.cell_type != "code":
      continue
    cell.outputs = [
      output for output in cell.outputs if output.get("name") != "stderr"
    ]
    for output in cell.outputs:
      if "text" in output:
        output.text = output.text.replace(folder, "")
      if "metadata" in output:
        output.metadata = nbformat.from_dict({})
  return notebook


def main() -> int:
  parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
  parser.add_argument("notebooks", nargs="*", type=pathlib.Path)
  for path in parser.parse_args().notebooks or sorted(
    NOTEBOOKS.glob("*.ipynb")
  ):
    print(path, flush=True)
    nbformat.write(execute(read(path)), path)
  return 0


if __name__ == "__main__":
  sys.exit(main())
