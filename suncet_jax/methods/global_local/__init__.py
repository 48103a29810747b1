"""Global-Local: frames and sounds of clips, without labels."""
