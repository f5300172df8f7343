"""PBFT for one open slot at a time: three phases, and view changes when the primary fails."""

from .node import VIEW_TIMER, PbftNode, PbftTimeouts
from .rules import contradicts

__all__ = ["VIEW_TIMER", "PbftNode", "PbftTimeouts", "contradicts"]
