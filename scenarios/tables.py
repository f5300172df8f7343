"""The tables of a run: their columns, and what each holds. Writing and reading go by this.

A *number* may be infinite; it is left empty where there is none, and where it is none (NaN).
A *whole* may be left empty, too.
"""

from collections.abc import Mapping
from typing import Final, Literal

Kind = Literal["text", "whole", "number", "truth"]

COLUMNS: Final[Mapping[str, Mapping[str, Kind]]] = {
    "rounds": {
        "height": "whole",
        "type": "text",
        "proposer": "text",
        "authors": "text",
        "global_score": "whole",
        "global_loss": "number",
        "accept_count": "whole",
        "reject_count": "whole",
        "reject_reasons": "text",
        "voter_count": "whole",
        "decided_us": "whole",
    },
    "verdicts": {
        "slot": "whole",
        "hospital": "text",
        "accept": "truth",
        "reason": "text",
        "global_score": "whole",
        "local_score": "whole",
        "time_us": "whole",
    },
    "updates": {
        "slot": "whole",
        "hospital": "text",
        "norm": "number",
        "sent_norm": "number",
        "over_bound": "truth",
        "poisoned": "truth",
        "forged": "truth",
        "refused_count": "whole",
        "refused_by": "text",
        "fate": "text",
    },
    "messages": {
        "sender": "text",
        "receiver": "text",
        "message_count": "whole",
        "size_bytes": "whole",
        "held_count": "whole",
        "dropped_count": "whole",
    },
    "costs": {
        "hospital": "text",
        "height": "whole",
        "signature_count": "whole",
        "busy_us": "whole",
        "message_count": "whole",
        "size_bytes": "whole",
    },
    "stages": {
        "hospital": "text",
        "kind": "text",
        "stage": "text",
        "busy_us": "whole",
        "message_count": "whole",
        "size_bytes": "whole",
        "clear_bytes": "whole",
    },
}
"""Column to kind, by table; in the order in which they are written."""
