"""The front door: command line, pytest plugin, doctor, benchmarks."""
