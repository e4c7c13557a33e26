"""A brand's endpoints of the API. They run inside the brand; who may come in is decided in `config.programs`."""
