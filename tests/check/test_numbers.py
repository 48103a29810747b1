"""Numbers that fit a set of images and a machine."""

import pytest

from suncet_jax.check.numbers import Images, Numbers, fitting, steps_per_epoch

_WANTED = Numbers(
  labels=0, validation=5, batch=256, epochs=200, model="resnet18", size=128
)


@pytest.mark.parametrize(
  ("total", "batch"),
  [(20, 8), (50, 8), (160, 32), (600, 128), (1100, 256), (10**6, 256)],
)
def test_a_batch_is_a_power_of_two_and_a_quarter_at_most(total, batch):
  images = Images(total, total // 2, 2)
  assert fitting(_WANTED, images, on_cpu=False).batch == batch


def test_fewer_images_than_a_small_batch_still_make_one():
  numbers = fitting(_WANTED, Images(7, 3, 2), on_cpu=True)
  assert (numbers.validation, numbers.batch) == (0, 4)


def test_a_smaller_batch_is_left_as_it_is():
  wanted = _WANTED._replace(batch=24)
  images = Images(5000, 1000, 3)
  assert fitting(wanted, images, on_cpu=False).batch == 24


@pytest.mark.parametrize(
  ("smallest", "wanted", "expected"),
  [
    (40, (0, 5), (0, 5)),
    (40, (20, 5), (20, 5)),
    (24, (20, 5), (19, 5)),
    (12, (20, 5), (8, 4)),
    (10, (0, 5), (0, 3)),
    (9, (20, 5), (9, 0)),
    (2, (1, 5), (1, 0)),
    (1, (0, 5), (0, 0)),
  ],
)
def test_every_class_keeps_a_labelled_image(smallest, wanted, expected):
  labels, validation = wanted
  numbers = fitting(
    _WANTED._replace(labels=labels, validation=validation),
    Images(400, smallest, 3),
    on_cpu=False,
  )
  assert (numbers.labels, numbers.validation) == expected
  assert smallest - numbers.validation >= max(1, numbers.labels)


def test_a_cpu_gets_a_small_model_and_enough_steps_but_no_more():
  for total in (150, 3000, 100_000):
    numbers = fitting(_WANTED, Images(total, total // 3, 3), on_cpu=True)
    assert (numbers.model, numbers.size) == ("resnet8", 64)
    assert numbers.batch <= 64
    steps = steps_per_epoch(total - 15, numbers.batch)
    assert numbers.epochs * steps >= 200
    assert numbers.epochs == 5 or (numbers.epochs - 1) * steps < 200
  small = _WANTED._replace(size=32)
  assert fitting(small, Images(150, 50, 3), on_cpu=True).size == 32


def test_an_accelerator_keeps_model_and_epochs_if_the_steps_suffice():
  numbers = fitting(_WANTED, Images(10_000, 900, 10), on_cpu=False)
  assert numbers == _WANTED
  numbers = fitting(_WANTED, Images(165, 50, 3), on_cpu=False)
  assert (numbers.model, numbers.size) == ("resnet18", 128)
  assert numbers.epochs * steps_per_epoch(150, numbers.batch) >= 1000
