"""Losses and gradients against values of the reference implementations."""

import functools

import jax
import numpy as np
import pytest

from suncet_jax import losses

_NTXENT = ("ntxent_B2_d4_tau0.1", "ntxent_B4_d8_tau0.5", "ntxent_B8_d16_tau0.1")
_SUNCET = (
  "suncet_C3_I2_V1_d8_tau0.1_sm0.0",
  "suncet_C4_I3_V3_d8_tau0.5_sm0.0",
  "suncet_C5_I4_V1_d16_tau0.1_sm0.0",
  "suncet_overflow_demo",
)
_SUPCON = ("supcon_b12_v1_tau0.1_bt1.0_all", "supcon_b4_v2_tau0.1_bt0.07_all")

_both_dtypes = pytest.mark.parametrize(
  ("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-9)]
)


def _assert_golden(loss, rows, value, gradient, dtype, tolerance):
  with jax.enable_x64(dtype == "float64"):
    step = jax.jit(jax.value_and_grad(loss))
    got, got_gradient = step(rows.astype(dtype))
    assert got.dtype == dtype
    np.testing.assert_allclose(got, value, rtol=tolerance)
    np.testing.assert_allclose(
      got_gradient, gradient, rtol=0, atol=tolerance * np.abs(gradient).max()
    )


@_both_dtypes
@pytest.mark.parametrize("name", _NTXENT)
def test_ntxent_keys_detached(golden, name, dtype, tolerance):
  data = golden(name)
  n = int(data["batch_size"])

  def loss(z):
    return losses.ntxent(
      z[:n],
      z[n:],
      temperature=float(data["temperature"]),
      stop_gradient_keys=True,
    )

  _assert_golden(
    loss, data["z"], data["loss_f64"], data["grad_f64"], dtype, tolerance
  )


@_both_dtypes
@pytest.mark.parametrize("name", _NTXENT)
def test_ntxent_exact_gradient_is_half_of_simclr(
  golden, name, dtype, tolerance
):
  data = golden(name)
  n = int(data["batch_size"])

  def loss(z):
    return losses.ntxent(z[:n], z[n:], temperature=float(data["temperature"]))

  # SimCLR's repository adds the two directions where we average over them.
  value = data["derived_google_loss_f64"] / 2
  gradient = data["derived_google_grad_f64"] / 2
  _assert_golden(loss, data["z"], value, gradient, dtype, tolerance)


@_both_dtypes
@pytest.mark.parametrize("name", _SUNCET)
def test_suncet(golden, name, dtype, tolerance):
  data = golden(name)
  loss = functools.partial(
    losses.suncet,
    labels=data["labels"],
    temperature=float(data["temperature"]),
  )
  _assert_golden(
    loss, data["z"], data["loss_f64"], data["grad_f64"], dtype, tolerance
  )


def _view_major(features):
  """Turns [b, v, d] into [v * b, d]."""
  return np.swapaxes(features, 0, 1).reshape(-1, features.shape[2])


def _supcon_rows(data):
  """Returns rows and their labels."""
  views = data["features"].shape[1]
  return _view_major(data["features"]), np.tile(data["labels"], views)


def _supcon_gradient(gradient, rows):
  """Returns the golden gradient as one of rows that need no normalisation."""
  gradient = _view_major(gradient)
  # The reference does not normalise inside: only the tangential part remains.
  return gradient - np.sum(gradient * rows, axis=1, keepdims=True) * rows


@_both_dtypes
@pytest.mark.parametrize("variant", ["out", "in"])
@pytest.mark.parametrize("name", _SUPCON)
def test_supcon(golden, name, variant, dtype, tolerance):
  data = golden(name)
  rows, labels = _supcon_rows(data)
  has_positive = [(labels == label).sum() > 1 for label in labels]
  # The reference scales by tau / base tau, and its mean counts anchors without
  # positives as zeros.
  scale = data["base_temperature"] / data["temperature"] / np.mean(has_positive)
  prefix = {"out": "", "in": "derived_Lin_"}[variant]
  loss = functools.partial(
    losses.supcon,
    labels=labels,
    temperature=float(data["temperature"]),
    variant=variant,
  )
  gradient = _supcon_gradient(data[prefix + "grad_f64"], rows) * scale
  value = data[prefix + "loss_f64"] * scale
  _assert_golden(loss, rows, value, gradient, dtype, tolerance)
