"""Who can halt a network and who can split it: the analysis of its quorum sets.

Build an ``Fbas`` of whom each node trusts and ask: do two disjoint quorums exist
(``disjoint_quorums``), which sets can agree alone (``minimal_quorums``), which stop the rest by
failing (``minimal_blocking_sets``), which make it disagree by lying (``minimal_splitting_sets``).
Families are given in orbits of interchangeable nodes with exact counts. Every search asks a
``Deadline``; when it says stop, a ``Family`` says that it is not complete and a ``Minimum`` has
bounds that are proved. All answers are exact; solvers (extra ``solvers``) only make them faster.

Each question is about the network as it is given: ``satisfiable(fbas)`` leaves the nodes that some
quorum contains, ``core(fbas)`` the components that hold a quorum. Only splitting sets differ.
"""

from .blocking import minimal_blocking_sets, minimum_blocking_set
from .clusters import ClosedForm, closed_form, flat, symmetric_clusters, two_level
from .deadline import Deadline, never
from .engine import Engine, missing_solvers
from .errors import SolverMissingError, UndecidedError
from .graph import core, satisfiable
from .grouped import Merged, merged
from .health import befouled, dispensable_sets, intact, intertwined, is_dispensable
from .intersection import disjoint_quorums
from .minimum import Minimum
from .quorums import all_quorums, minimal_quorums, minimum_quorum, top_tier
from .splitting import minimal_splitting_sets, minimum_splitting_set
from .symmetry import Choice, Family, Orbit
from .trust import Fbas, restricted

__all__ = [
    "Choice",
    "ClosedForm",
    "Deadline",
    "Engine",
    "Family",
    "Fbas",
    "Merged",
    "Minimum",
    "Orbit",
    "SolverMissingError",
    "UndecidedError",
    "all_quorums",
    "befouled",
    "closed_form",
    "core",
    "disjoint_quorums",
    "dispensable_sets",
    "flat",
    "intact",
    "intertwined",
    "is_dispensable",
    "merged",
    "minimal_blocking_sets",
    "minimal_quorums",
    "minimal_splitting_sets",
    "minimum_blocking_set",
    "minimum_quorum",
    "minimum_splitting_set",
    "missing_solvers",
    "never",
    "restricted",
    "satisfiable",
    "symmetric_clusters",
    "top_tier",
    "two_level",
]
