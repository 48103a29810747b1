"""Bytes on disk or in a bucket, and formats of files."""
