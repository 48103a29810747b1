"""UGAN: a classifier between a good and a bad generator."""
