"""Decoupled contrastive learning: a method outside of the package."""
