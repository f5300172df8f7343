"""The command ``tclearn``. Importing it loads neither torch nor simpy; commands load what they need."""

from .main import main

__all__ = ["main"]
