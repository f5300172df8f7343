"""The command ``tclearn``: importing it loads neither torch nor simpy, a command what it needs."""

from .main import main

__all__ = ["main"]
