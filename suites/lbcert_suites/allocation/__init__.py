"""Address allocation."""
