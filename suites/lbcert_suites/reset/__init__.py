"""Connection stability under change."""
