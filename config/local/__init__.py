"""Nightjar on one machine: the embedded servers, and the supervisor that `make run` starts.

Nothing in here imports Django: it must work before a database is there.
"""
