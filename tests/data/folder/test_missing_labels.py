"""Labels that stand for a missing one: -1 as in arrays, others refused."""

import image_folders as folders
import pytest

from suncet_jax.data.load import load


def _listed(folder, *labels, test="ant"):
  rows = [f"{i}.png,{label}" for i, label in enumerate(labels)]
  text = "\n".join(["path,label", *rows])
  return folders.listed(folder, text, f"path,label\nt.png,{test}\n")


@pytest.mark.parametrize("label", ["-1", "-1.0", " -1 ", '"-1"', "-1.000"])
def test_minus_one_is_no_label_and_is_said_once(tmp_path, caplog, label):
  dataset = load(_listed(tmp_path, "ant", label, label, ""))
  assert dataset.class_names == ("ant",)
  assert dataset.train.labels.tolist() == [0, -1, -1, -1]
  said = [r for r in caplog.messages if "taken as no label" in r]
  assert len(said) == 1
  assert "on 2 images" in said[0]
  assert "data.class_names" in said[0]


def test_the_empty_label_needs_no_words(tmp_path, caplog):
  dataset = load(_listed(tmp_path, "ant", "", "  ", '" "'))
  assert dataset.train.labels.tolist() == [0, -1, -1, -1]
  assert not caplog.messages


@pytest.mark.parametrize(
  "label",
  ["nan", "NaN", "NA", "N/A", "None", "null", "NULL", "<NA>", "#N/A", "-nan"],
)
def test_a_missing_value_is_no_class_by_accident(tmp_path, label):
  config = _listed(tmp_path, "ant", label, "bee", label)
  message = f"train.csv'.* 2 labels read .*line 3: {label}, line 5: {label}"
  with pytest.raises(ValueError, match=message) as caught:
    load(config)
  advice = f"--config.data.class_names={label}"
  assert advice in str(caught.value)
  config.data.class_names = f"bee, {label}"
  assert sorted(load(config).class_names) == sorted(("ant", label, "bee"))


def test_minus_one_may_be_a_class(tmp_path, caplog):
  config = _listed(tmp_path, "0", "1", "-1", "-1.0", test="-1")
  config.data.class_names = "-1"
  dataset = load(config)
  assert dataset.class_names == ("-1", "0", "1")
  assert dataset.train.labels.tolist() == [1, 2, 0, 0]
  assert "taken as no label" not in caplog.text


@pytest.mark.parametrize("label", ["", "-1", "-1.0"])
def test_a_test_image_needs_a_label(tmp_path, label):
  with pytest.raises(ValueError, match=r"line 2: .*t.png \(no label\)"):
    load(_listed(tmp_path, "ant", test=label))


def test_a_missing_value_in_the_test_list(tmp_path):
  with pytest.raises(ValueError, match=r"data.test .*test.csv'.*line 2: NaN"):
    load(_listed(tmp_path, "ant", test="NaN"))


def test_folders_are_named_on_purpose_but_minus_one(tmp_path, caplog):
  folders.write(tmp_path, "a/none/1.png", "a/ant/2.png", "a/-1/3.png")
  folders.write(tmp_path, "b/none/4.png", "b/ant/5.png")
  dataset = load(folders.config(tmp_path / "a", tmp_path / "b"))
  assert dataset.class_names == ("ant", "none")
  assert sorted(dataset.train.labels.tolist()) == [-1, 0, 1]
  assert "the label -1 is taken as no label" in caplog.text


def test_numbers_with_and_without_a_decimal_point(tmp_path, caplog):
  """Tables with empty labels come out of many programs as 1.0."""
  dataset = load(_listed(tmp_path, "1.0", "2.0", "", "2.", test="2"))
  assert dataset.class_names == ("1.0", "2.")
  assert dataset.train.labels.tolist() == [0, 1, -1, 1]
  assert dataset.test.labels.tolist() == [1]
  assert "as 1 and 1.0 do, are taken as one class" in caplog.text
  dataset = load(_listed(tmp_path, "1.0", "1", "1.5", test="1.5"))
  assert dataset.class_names == ("1", "1.5")


def test_leading_zeros_are_not_guessed_at(tmp_path):
  assert load(_listed(tmp_path, "01", "02", "10", test="01")).class_names == (
    "01",
    "02",
    "10",
  )
  with pytest.raises(ValueError, match="leading zeros only: 01 and 1"):
    load(_listed(tmp_path, "01", "1", "10", test="01"))
