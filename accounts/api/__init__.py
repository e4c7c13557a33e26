"""The API's own parts (problems, pages, descriptions), and the agency's endpoints."""
