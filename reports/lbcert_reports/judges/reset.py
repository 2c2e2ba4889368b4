"""Judges of connections under change: which live, which die, how, and who ended them."""
