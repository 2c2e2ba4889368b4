"""Layer 2 announcement."""
