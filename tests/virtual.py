"""Meshes of virtual devices."""

import jax


def mesh(devices):
  """Returns a mesh of the first devices, as `parallel.make_mesh` of all."""
  return jax.make_mesh(
    (devices,),
    ("data",),
    devices=jax.devices()[:devices],
    axis_types=(jax.sharding.AxisType.Auto,),
  )
