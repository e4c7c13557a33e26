"""The database engine: django-tenants' backend, with its search_path handling replaced by ours (`base`)."""
