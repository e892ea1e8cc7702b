"""The parts of packaging/build."""
