"""Written hours of a brand's life, played on the sandbox Twitter over its control surface."""
