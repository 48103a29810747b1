"""SwAV + SuNCEt."""
