"""Methods, which define what a training step optimizes; one folder each.

A folder holds spec.py (what the method declares, read before JAX is loaded),
method.py (its loss) and recipes.py (its numbers on each data set). Being there
is enough: `suncet_jax.plugins` finds it. `base.py` has the protocol.
"""
