"""Evaluations of a run, one file each.

A file declares title, explanation and fields, which are read before JAX is
loaded, and measures in `run`. Being there is enough: `suncet_jax.plugins` finds
it. What they compute with are the pure functions of `suncet_jax.evals`.
"""
