"""Encoded images by number: array_record and TFRecord files."""
