"""Validation of configuration objects."""
