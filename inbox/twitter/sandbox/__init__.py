"""The Twitter on your own machine: same wire format, its own process, reached only over HTTP."""
