"""Methods, shares and variants, as the command line names them."""

import pytest

from suncet_jax.compare.entries import Entry, parse_entries, parse_variant


def test_methods_with_shares_and_variants():
  entries = parse_entries(["simclr", "suncet@0.5"], ["optim.peak_lr=2"])
  assert entries == [
    Entry("simclr"),
    Entry("suncet", 0.5),
    Entry("simclr", 1.0, "optim.peak_lr=2"),
    Entry("suncet", 0.5, "optim.peak_lr=2"),
  ]
  assert entries[-1].name == "suncet@0.5 optim.peak_lr=2"


def test_a_method_may_have_a_variant_of_its_own():
  plain, strong, *others = parse_entries(
    ["suncet", "supervised@2 method.view=strong seed=3"], ["optim.peak_lr=2"]
  )
  assert plain == Entry("suncet")
  assert strong == Entry("supervised", 2.0, "method.view=strong,seed=3")
  assert strong.name == "supervised@2 method.view=strong,seed=3"
  assert [entry.variant for entry in others] == [
    "optim.peak_lr=2",
    "method.view=strong,seed=3,optim.peak_lr=2",
  ]


def test_an_entry_may_have_a_name_of_its_own():
  strong, slow = parse_entries(
    ["labels and strong views: supervised@2 method.view=strong"],
    ["optim.peak_lr=2"],
  )
  assert strong[:3] == ("supervised", 2.0, "method.view=strong")
  assert strong.name == "labels and strong views"
  assert slow.variant == "method.view=strong,optim.peak_lr=2"
  assert slow.name == "labels and strong views optim.peak_lr=2"


@pytest.mark.parametrize(
  ("methods", "variants", "expected"),
  [
    ([], [], "one method at least"),
    (["moco"], [], "--methods has 'moco', expected some of .*simclr, suncet"),
    (["suncet@-1"], [], "'suncet@-1', expected a share of at least 0"),
    (["suncet@half"], [], "'suncet@half', expected a share of at least 0"),
    (["suncet@nan"], [], "'suncet@nan', expected a share of at least 0"),
    (["suncet", "suncet@1"], [], "expected each of them once"),
    # Two folders of one name would be one run, counted twice.
    (["suncet@0.3333333", "suncet@0.33333331"], [], "each of them once"),
    (["suncet fast"], [], "'fast' is not of the form field=value"),
    (["suncet"], ["seed=1", "seed=1"], "expected each of them once"),
  ],
)
def test_what_makes_no_sense(methods, variants, expected):
  with pytest.raises(ValueError, match=expected):
    parse_entries(methods, variants)


def test_fields_of_a_variant():
  assert parse_variant("") == {}
  fields = parse_variant("optim.name=lars,augment.crop_scale=(0.2,1.0),seed=3")
  assert fields == {
    "optim.name": "lars",
    "augment.crop_scale": (0.2, 1.0),
    "seed": 3,
  }
  with pytest.raises(ValueError, match="'lars' is not of the form field=value"):
    parse_variant("lars")
