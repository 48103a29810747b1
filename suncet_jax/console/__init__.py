"""Output for people: terminal, progress, words."""
