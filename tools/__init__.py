"""Tools of this checkout; they are in no wheel."""
