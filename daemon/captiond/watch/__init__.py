"""Watching: what is under a root, what comes and goes, and whether the root is there at all."""
