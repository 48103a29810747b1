"""Evaluations of a run, one file each.

A file declares the title, explanation and fields of an evaluation, which are
read before JAX is loaded, and measures in `run` with the pure functions of
`suncet_jax.evals`. `suncet_jax.plugins` finds every file in this folder.
"""
