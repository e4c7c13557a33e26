"""Wiring, and nothing else."""
