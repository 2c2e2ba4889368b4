"""The tools: command line, pytest plugin, doctor."""

from importlib.metadata import version

__version__ = version("lbcert")
