"""The page: what it says of runs, gaps, and files that are wrong."""

import html
import re
import subprocess
import sys

import numpy as np
import pytest
from report_runs import NAMES, data, history, make_run

from suncet_jax import report
from suncet_jax.report.__main__ import main
from suncet_jax.report.confusion import confusion_counts, confusion_parts
from suncet_jax.report.page import part_html

_NOTHING = np.zeros((0,), np.int64)


def _page(tmp_path, *runs):
  out = report.write_report(runs, tmp_path / "page.html")
  text = out.read_text(encoding="utf-8")
  # Without the scripts, whose words are not the page's.
  return re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)


def _texts(page):
  return [html.unescape(text.strip()) for text in re.split(r"<[^>]*>", page)]


def test_kept_data_come_back(tmp_path):
  kept = data()
  report.save_data(tmp_path, kept)
  loaded = report.load_data(tmp_path)
  for name, value in vars(kept).items():
    np.testing.assert_array_equal(getattr(loaded, name), value)
    assert type(getattr(loaded, name)) is type(value)


def test_data_of_earlier_versions_have_no_frames_of_clips(tmp_path):
  report.save_data(tmp_path, data())
  path = tmp_path / "report" / "data.npz"
  with np.load(path) as file:
    earlier = {n: file[n] for n in file.files if not n.startswith("heard")}
  np.savez_compressed(path, **earlier)
  loaded = report.load_data(tmp_path)
  assert loaded.heard.size == 0
  assert list(loaded.view_titles) == list(data().view_titles)


@pytest.mark.parametrize(
  ("changes", "message"),
  [
    ({"heard_titles": ["one"]}, "heard_titles must name .* expected 3, got 1"),
    ({"predictions": np.zeros(3, int)}, "predictions must have one entry"),
    ({"positions": np.zeros((3, 2))}, "expected 30, got 3"),
    ({"view_titles": ["one"]}, "expected 3, got 1"),
    ({"views": np.zeros((2, 3, 8, 8, 3))}, "uint8"),
    ({"drawn_titles": []}, "drawn_titles must have one entry per row of drawn"),
    ({"neighbour_labels": np.zeros((3, 3), int)}, r"\(3, 4\), got \(3, 3\)"),
  ],
)
def test_data_that_do_not_fit_are_refused(changes, message):
  with pytest.raises(ValueError, match=message):
    data(**changes)


def test_drawn_images_are_shown_row_by_row(tmp_path):
  run = make_run(tmp_path / "a", metrics={"knn_top1": 0.9}, kept=data())
  texts = _texts(_page(tmp_path, run))
  place = texts.index("Drawn images")
  shown = [text for text in texts[place:] if "generator" in text]
  assert shown[-2:] == ["generator <1>", "bad generator 1"]


def test_data_of_earlier_versions_have_no_drawn_images(tmp_path):
  report.save_data(tmp_path, data())
  file = tmp_path / "report" / "data.npz"
  with np.load(file) as arrays:
    former = {k: v for k, v in arrays.items() if not k.startswith("drawn")}
  np.savez(file, **former)
  loaded = report.load_data(tmp_path)
  assert loaded.drawn.size == 0
  run = make_run(tmp_path / "a", metrics={"knn_top1": 0.9}, kept=loaded)
  assert "Drawn images" not in _page(tmp_path, run)


def test_finished_run(tmp_path):
  metrics = {"knn_top1": 0.9731, "soft_nn_top1": None}
  run = make_run(tmp_path / "a", metrics=metrics, kept=data())
  page = _page(tmp_path, run)
  texts = _texts(page)
  place = texts.index("97.3 %")
  assert "kNN, test" in texts[place : place + 4]
  for text in (
    "1.281M",
    "2.5P",
    "1 h 12 min",
    "suncet, on digits, seed 0, finished",
    "python -m suncet_jax.main --workdir='<here>'",
  ):
    assert text in texts
  assert not any("soft nearest" in text for text in texts)
  for heading in ("Map of the embeddings", "Confusion matrix", "Losses"):
    assert heading in texts
  # Columns that nobody foresaw are drawn as well.
  assert "own" in texts


def _with_classifier(folder, **parts):
  """Makes a run of a method that has a classifier of its own."""
  header, *rows = history(30)
  lines = [f"{header},val_classifier_top1", *(f"{row},0.875" for row in rows)]
  return make_run(folder, method="supervised", lines=lines, **parts)


def test_a_classifier_of_its_own_is_shown(tmp_path):
  metrics = {"classifier_top1": 0.8125, "classifier_top5": 0.9375}
  texts = _texts(
    _page(tmp_path, _with_classifier(tmp_path / "a", metrics=metrics))
  )
  for value, title in (
    ("81.2 %", "classifier, test"),
    ("93.8 %", "classifier, top 5, test"),
    ("87.5 %", "classifier, validation images"),
  ):
    place = texts.index(value)
    assert title in texts[place : place + 4]
  title = "accuracy of the method's classifier, validation images"
  assert title in texts
  assert "the classifier that the method itself has trained" in texts


def test_only_a_run_that_has_one_gets_a_column_of_classifiers(tmp_path):
  plain = [
    make_run(tmp_path / name, seed=seed) for seed, name in enumerate("ab")
  ]
  assert "classifier, validation" not in _texts(_page(tmp_path, *plain))
  both = [plain[0], _with_classifier(tmp_path / "c")]
  texts = _texts(_page(tmp_path, *both))
  assert "classifier, validation" in texts
  assert "87.5 %" in texts


def test_texts_are_escaped(tmp_path):
  run = make_run(tmp_path / "a", method=NAMES[0], metrics={NAMES[0]: 1.0})
  page = _page(tmp_path, run)
  assert "<script>alert" not in page
  assert NAMES[0] + ", test" in _texts(page)


def test_running_run_with_a_torn_last_line(tmp_path):
  lines = [*history(5), "50,1.25,3"]
  run = make_run(tmp_path / "a", lines=lines)
  (run / "metrics.csv").write_text("\n".join(lines))
  texts = _texts(_page(tmp_path, run))
  assert "suncet, on digits, seed 0, at step 40" in texts
  assert any("appear when the run is finished" in text for text in texts)


@pytest.mark.parametrize("rows", [None, 0, 1])
def test_run_that_has_hardly_begun(tmp_path, rows):
  run = make_run(tmp_path / "a", lines=history(rows or 0))
  if rows is None:
    (run / "metrics.csv").unlink()
  texts = _texts(_page(tmp_path, run))
  state = "at step 0" if rows else "no step logged yet"
  assert f"suncet, on digits, seed 0, {state}" in texts
  assert ("Losses" in texts) == bool(rows)


def test_data_without_elements_leave_their_parts_out(tmp_path):
  names = ("labels", "predictions", "mapped", "positions", "thumbnails")
  names += ("neighbours", "neighbour_labels", "views", "heard")
  nothing = dict.fromkeys(names, _NOTHING)
  kept = data(**nothing, view_titles=[], heard_titles=[])
  texts = _texts(_page(tmp_path, make_run(tmp_path / "a", kept=kept)))
  assert "Map of the embeddings" not in texts
  assert "Augmented views" not in texts
  assert "Where clips sound" not in texts


def test_seeds_of_one_setting_are_averaged(tmp_path):
  runs = [
    make_run(tmp_path / "a", seed=0, metrics={"knn_top1": 0.90}),
    make_run(tmp_path / "b", seed=1, metrics={"knn_top1": 0.94}),
    make_run(tmp_path / "c", seed=0, config={"optim": {"peak_lr": 0.5}}),
  ]
  texts = _texts(_page(tmp_path, *runs))
  assert "92.0 ± 2.8 %" in texts
  assert "3 runs of 2 settings" in texts
  # The rows of the table of what differs.
  place = texts.index("optim.peak_lr")
  assert "0.5" in texts[place : place + 8]
  place = texts.index("seed", texts.index("What differs", place - 60))
  assert "0, 1" in texts[place : place + 8]


def test_runs_of_one_name_are_told_apart(tmp_path):
  folders = [tmp_path / "x" / "run", tmp_path / "y" / "run"]
  runs = [make_run(folder, method=None) for folder in folders]
  texts = _texts(_page(tmp_path, *runs))
  assert all(str(run) in texts for run in runs)


def test_confusions_are_counted_and_listed():
  counts = confusion_counts(np.array([0, 0, 1, 2]), np.array([0, 1, 1, 0]))
  np.testing.assert_array_equal(counts, [[1, 1, 0], [0, 1, 0], [1, 0, 0]])
  page = "".join(map(part_html, confusion_parts(data())))
  texts = [text for text in _texts(page) if text]
  assert any("60 test images, by linear probe" in text for text in texts)
  # Of 20 images of class 0, two are taken for class 2.
  place = texts.index("Most frequent confusions")
  row = texts[place + 5 : place + 9]
  assert row == [NAMES[0], NAMES[2], "2", "10.0 %"]


def test_many_classes_show_those_that_are_confused():
  labels = np.arange(3000) % 1000
  predictions = np.where(labels == 700, 900, labels)
  kept = data(
    labels=labels,
    predictions=predictions,
    class_names=[f"n{i}" for i in range(1000)],
  )
  page = "".join(map(part_html, confusion_parts(kept)))
  assert 'title="3 of 3">100<' in page
  assert "Of 1000 classes, 2 with frequent confusions" in page
  assert page.count("<tr>") < 30


def test_wrong_input_ends_with_status_2(tmp_path, capsys):
  good = make_run(tmp_path / "good")
  empty = tmp_path / "empty"
  empty.mkdir()
  broken = make_run(tmp_path / "broken")
  (broken / "config.json").write_text("[1]")
  torn = make_run(tmp_path / "torn", kept=data())
  (torn / "report" / "data.npz").write_bytes(b"PK")
  out = tmp_path / "c.html"
  for arguments, message in (
    ([str(good), str(empty), f"--out={out}"], "empty has neither metrics.csv"),
    ([str(tmp_path), f"--out={out}"], f"; runs are {broken}, {good}, {torn}"),
    ([str(broken), f"--out={out}"], "config.json must hold a JSON object"),
    ([str(torn), f"--out={out}"], "data.npz does not hold the data"),
    ([str(good), f"--out={tmp_path}/c.png"], "must be named *.html"),
  ):
    with pytest.raises(SystemExit) as ending:
      main(arguments)
    assert ending.value.code == 2
    assert message in capsys.readouterr().err
  assert not out.exists()


def test_command_needs_neither_jax_nor_matplotlib(tmp_path):
  """In a process of its own: this one has imported JAX already."""
  run = make_run(tmp_path / "a")
  code = (
    "import sys\nfrom suncet_jax.report.__main__ import main\n"
    "assert main(sys.argv[1:]) == 0\n"
    "names = ['jax', 'flax', 'tensorflow', 'matplotlib', 'sklearn']\n"
    "print([name for name in names if name in sys.modules])"
  )
  out = tmp_path / "new" / "page.html"
  command = [sys.executable, "-c", code, str(run), f"--out={out}"]
  done = subprocess.run(command, capture_output=True, text=True, check=True)
  assert done.stdout.split("\n")[:2] == [str(out), "[]"]
  assert out.exists()
