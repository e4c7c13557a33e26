"""What `make bench` measures, one module each. A module's `measure` returns the fields of its line.

They run on a house of their own: `config.local.bench` makes it and says in `NIGHTJAR_BENCH` that it may be filled.
"""
