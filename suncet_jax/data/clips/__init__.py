"""Clips, frames with their sound: of files, or made in code."""
