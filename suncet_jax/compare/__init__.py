"""Comparison of methods at equal budgets; `python -m suncet_jax.compare`."""
