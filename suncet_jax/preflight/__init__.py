"""Preflight: what XLA says of a training on devices that are not here."""
