"""Run one trial that is given as text, and say what came out.

python -m scenarios.trials TRIAL [--trace]
"""

import argparse
import sys

from ..errors import ScenarioError, SimulationError
from ..findings import Status
from .minimise import trace_lines
from .run import run_trial
from .text import from_text


def main() -> int:
    """Run the trial; 0 if everything held, 1 if something was violated, 3 if undecided."""
    parser = argparse.ArgumentParser(prog="python -m scenarios.trials")
    parser.add_argument("trial", help="one line of JSON, as a violation prints it")
    parser.add_argument("--trace", action="store_true", help="print every event")
    options = parser.parse_args()
    try:
        trial = from_text(options.trial)
        lines, outcome = trace_lines(trial) if options.trace else ((), run_trial(trial))
    except (ScenarioError, SimulationError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    write = sys.stdout.write
    for line in lines:
        write(f"{line}\n")
    for which, finding in outcome.findings.items():
        at = "" if finding.time_us is None else f" at {finding.time_us} us"
        write(f"{which.value:22} {finding.status.value:10} {finding.reason}{at}\n")
    write(f"{'culprits':22} {', '.join(sorted(outcome.culprits)) or 'nobody'}\n")
    statuses = {finding.status for finding in outcome.findings.values()}
    if Status.VIOLATED in statuses:
        return 1
    return 3 if Status.UNDECIDED in statuses else 0


if __name__ == "__main__":
    sys.exit(main())
