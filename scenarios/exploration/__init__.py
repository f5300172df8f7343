"""Systematic exploration of small systems: every case within bounds, played in lock-step.

    system      what is explored: nodes without a network, a ledger or signatures
    case        one case and its textual id
    symmetry    who is interchangeable
    multisets   choices in which order is nothing
    space       all cases, numbered
    images      pictures of nodes, from which they are made again
    states      what single instances do, each step computed once
    lies        the one message that is changed
    positions   where a case stands between two rounds
    lockstep    a case, played round by round
    verdict     what no honest instance may have done
    search      case after case, until a violation or a limit
    shrinking   the smallest case that still shows a violation
    wording     statements in words
    trace       a case in words

Source: Bano et al., Twins: BFT Systems Made Robust (OPODIS 2021); Winter et al., Randomized Testing
of Byzantine Fault Tolerant Algorithms (OOPSLA 2023).
"""
