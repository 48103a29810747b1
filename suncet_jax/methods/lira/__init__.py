"""LiRA: the sound of a silent mouth, without labels."""
