"""Data path and traffic policy."""
