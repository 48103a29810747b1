"""PAWS: views of an image agree on its soft nearest labelled neighbours."""
