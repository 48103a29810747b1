"""The notebooks run from top to bottom, and what is saved in them is theirs."""

import re
import tomllib

import pytest
import running

tool = running.load_tool("run_notebooks")

PICTURES = {  # how many each promises
  "losses_in_your_project": 1,
  "quickstart": 3,
  "your_own_images": 3,
}
BADGE = re.compile(
  r"\[!\[Open in Colab\]\(https://colab\.research\.google\.com/assets/"
  r"colab-badge\.svg\)\]\(https://colab\.research\.google\.com/github/"
  r"([\w.-]+/[\w.-]+)/blob/main/colabs/([\w-]+)\.ipynb\)"
)


def saved(name):
  return tool.read(tool.NOTEBOOKS / f"{name}.ipynb")


def code_cells(notebook):
  return [cell for cell in notebook.cells if cell.cell_type == "code"]


def kinds(cell):
  """Returns what a reader sees below a cell: streams and types of data."""
  return [
    output.get("name") or (output.output_type, *sorted(output.get("data", {})))
    for output in cell.outputs
  ]


def test_all_notebooks_are_known():
  assert {path.stem for path in tool.NOTEBOOKS.glob("*.ipynb")} == set(PICTURES)


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.slow
def test_it_runs_and_shows_what_is_saved(name):
  notebook = saved(name)
  executed = tool.execute(notebook)  # raises where a cell fails
  assert [c.source for c in executed.cells] == [
    c.source for c in notebook.cells
  ]
  before, after = code_cells(notebook), code_cells(executed)
  assert [kinds(c) for c in before] == [kinds(c) for c in after]
  counts = list(range(1, len(before) + 1))
  assert [c.execution_count for c in before] == counts
  assert [c.execution_count for c in after] == counts


@pytest.mark.parametrize("name", PICTURES)
def test_what_is_saved_reads_well(name):
  notebook = saved(name)
  outputs = [o for cell in code_cells(notebook) for o in cell.outputs]
  assert outputs
  pictures = [o for o in outputs if "image/png" in o.get("data", {})]
  assert len(pictures) == PICTURES[name]
  # A page of text, and no picture of many megabytes.
  assert all(len(o.data["image/png"]) < 400_000 for o in pictures)
  texts = [str(o) for o in outputs if o not in pictures]
  assert not any("\\x1b" in text or "\\r" in text for text in texts)
  for word in ("Traceback", "Warning", "/tmp", "/home", "/root", "/usr"):
    assert not any(word in text for text in texts), word
  assert {o.output_type for o in outputs} <= {
    "display_data",
    "execute_result",
    "stream",
  }
  assert all(not cell.metadata for cell in notebook.cells)
  assert notebook.metadata.language_info == {"name": "python"}


def test_badges_point_to_their_notebooks():
  """In a notebook above everything else, and on the page that lists them."""
  repositories = set()
  page = (tool.ROOT / "docs" / "notebooks.md").read_text()
  assert {file for _, file in BADGE.findall(page)} == set(PICTURES)
  repositories |= {repository for repository, _ in BADGE.findall(page)}
  for name in PICTURES:
    notebook = saved(name)
    ((repository, file),) = BADGE.findall(notebook.cells[0].source)
    assert file == name
    repositories.add(repository)
    install = code_cells(notebook)[0].source
    assert f"https://github.com/{repository} " in install
  assert len(repositories) == 1
  project = tomllib.loads((tool.ROOT / "pyproject.toml").read_text())["project"]
  declared = project.get("urls", {}).get("Repository")  # none so far
  assert declared in (None, f"https://github.com/{repository}")
