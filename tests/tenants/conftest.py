from tests.walled import walled

__all__ = ["walled"]
