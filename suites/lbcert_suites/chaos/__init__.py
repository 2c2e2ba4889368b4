"""Behaviour under chaos experiments: each case runs one, and judges what its observers saw."""
