"""Hospitals that lie, as data: between a node that follows the protocol and everybody else."""

from .conduct import lying_hospitals, stopping_hospitals
from .expansion import SplitPlan, expanded, plan_split
from .interposer import Interposer, interposer_of

__all__ = [
    "Interposer",
    "SplitPlan",
    "expanded",
    "interposer_of",
    "lying_hospitals",
    "plan_split",
    "stopping_hospitals",
]
