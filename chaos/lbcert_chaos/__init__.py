"""Chaos Toolkit experiments as data, and the actions, probes and controls they use."""
