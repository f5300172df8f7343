"""Which slots a report can play, and how arrivals find what was sent."""

from collections.abc import Iterator
from typing import Any

import pytest

from scenarios.reports.animation import AnimationPart, gather
from scenarios.results.errors import ReportError

HOSPITALS = ("a", "b", "c")


def sent(time_us: int, at: str, kind: str = "vote", slot: int = 1) -> dict[str, Any]:
    words = {"kind": kind, "by": at, "slot": slot, "bytes": 100}
    return {"time_us": time_us, "event": "send", "at": at} | words


def arrived(
    time_us: int, at: str, sender: str, kind: str = "vote", slot: int = 1
) -> dict[str, Any]:
    words = {"from": sender, "kind": kind, "by": sender, "slot": slot}
    return {"time_us": time_us, "event": "deliver", "at": at} | words


def ways(part: AnimationPart | None, index: int = 0) -> list[tuple[int, int, int, int]]:
    """Sender, receiver, start and end of each message, times since the slot began."""
    assert part is not None
    numbers = _numbers(part.data()["slots"][index]["messages"])
    found, time = [], 0
    for step in numbers:
        time += step
        sender, _, _, _, count = (next(numbers) for _ in range(5))
        for _ in range(count):
            receiver, flight = next(numbers), next(numbers)
            found.append((sender, receiver, time, time + flight))
    return found


def _numbers(base64: str) -> Iterator[int]:
    from base64 import b64decode

    value = shift = 0
    for byte in b64decode(base64):
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield value
            value = shift = 0


def test_an_arrival_is_paired_with_what_was_sent() -> None:
    part = gather([sent(10, "a"), arrived(14, "b", "a"), arrived(19, "c", "a")], HOSPITALS, {}, ())
    assert ways(part) == [(0, 1, 0, 4), (0, 2, 0, 9)]


def test_the_second_arrival_belongs_to_the_second_sending() -> None:
    events = [sent(10, "a"), sent(20, "a"), arrived(25, "b", "a"), arrived(26, "b", "a")]
    assert ways(gather(events, HOSPITALS, {}, ())) == [(0, 1, 0, 15), (0, 1, 10, 16)]


def test_nothing_arrives_before_it_was_sent() -> None:
    events = [sent(10, "a"), arrived(12, "b", "a"), arrived(13, "b", "a"), sent(20, "a")]
    assert ways(gather(events, HOSPITALS, {}, ())) == [(0, 1, 0, 2), (0, 1, 0, 3)]


def test_an_update_without_a_sending_flies_the_usual_time() -> None:
    events = [
        sent(0, "a"),
        arrived(7, "b", "a"),
        arrived(30, "a", "c", "update"),
    ]
    assert ways(gather(events, HOSPITALS, {}, ())) == [(0, 1, 0, 7), (2, 0, 23, 30)]


def test_what_hospitals_come_to_is_told_in_order() -> None:
    events = [
        {"time_us": 1, "event": "crash", "at": "c"},
        {"time_us": 5, "event": "proposal", "at": "a", "slot": 1, "candidate": "00ff"},
        {"time_us": 7, "event": "verdict", "at": "b", "slot": 1, "accept": False, "reason": "bad"},
        {"time_us": 8, "event": "externalize", "at": "b", "slot": 1, "says": "[1]"},
        {"time_us": 9, "event": "externalize", "at": "b", "slot": 1, "value": "00ff"},
        {"time_us": 9, "event": "append", "at": "b", "height": 1, "type": "rejected", "core": "0"},
    ]
    part = gather(events, HOSPITALS, {}, ())
    assert part is not None
    assert [event[1:] for event in part.slots[0].events] == [
        (0, "proposes", "00ff"),
        (1, "refuses", "bad"),
        (1, "says", "externalize"),
        (1, "decides", "00ff"),
        (1, "records", "rejected"),
    ]
    assert part.slots[0].down == (2,)


def many(slots: int) -> list[dict[str, Any]]:
    return [
        event
        for slot in range(1, slots + 1)
        for event in (
            sent(100 * slot, "a", slot=slot),
            arrived(100 * slot + 9, "b", "a", slot=slot),
        )
    ]


def test_special_slots_come_first_and_the_page_knows_what_is_missing() -> None:
    one = gather(many(1), HOSPITALS, {}, ())
    assert one is not None
    size = len(one.slots[0].messages)
    special = {7: "rejected", 1: "the first"}
    part = gather(many(9), HOSPITALS, special, (), size_max=3 * size)
    assert part is not None
    assert [each.slot for each in part.slots] == [1, 2, 7]
    assert part.left_out == (3, 4, 5, 6, 8, 9)
    assert part.why[7] == "rejected"
    part = gather(many(9), HOSPITALS, special, (5,), size_max=3 * size)
    assert part is not None
    assert [each.slot for each in part.slots] == [1, 5, 7]


def test_a_slot_that_is_too_large_is_named() -> None:
    part = gather(many(3), HOSPITALS, {}, (2,), size_max=1)
    assert part is not None
    assert part.slots == ()
    assert part.refused == (2,)


def test_a_slot_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ReportError, match="no slot 12; its slots are 1 to 3"):
        gather(many(3), HOSPITALS, {}, (12,))


def test_a_trace_without_slots_plays_nothing() -> None:
    assert gather([], HOSPITALS, {}, ()) is None
    assert gather([{"time_us": 1, "event": "crash", "at": "a"}], HOSPITALS, {}, ()) is None


@pytest.mark.parametrize(
    "event",
    [
        {"time_us": "x", "event": "send", "at": "a", "kind": "v", "by": "a", "slot": 1, "bytes": 1},
        {"time_us": 1, "event": "send", "at": "a", "slot": 1},
        {"time_us": 1, "event": "deliver", "at": "a", "kind": "v", "by": "a", "slot": 1},
        {"time_us": None, "event": "append", "at": "a", "height": 1, "type": "end"},
        {"time_us": 1, "event": "send", "at": "a", "kind": "v", "by": "a", "slot": 1, "bytes": -5},
        {"time_us": 1, "event": "send", "at": "a", "kind": "v", "by": [], "slot": 1, "bytes": 5},
    ],
)
def test_a_damaged_line_is_one_sentence(event: dict[str, Any]) -> None:
    with pytest.raises(ReportError, match="the trace of the run is damaged"):
        gather([event], HOSPITALS, {}, ())
