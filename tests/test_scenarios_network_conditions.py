"""What a network does to messages: loss, copies, order, stabilisation, firewalls, delays."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import simpy
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.schema import Scenario
from scenarios.schema_faults import Delay, Firewall, Partition
from scenarios.simulation.channel import BACKOFF_MAX_US, RETRIES_MAX, Traffic
from scenarios.simulation.cuts import disturbances_of
from scenarios.simulation.network import Network
from scenarios.simulation.topology import build

CONSTANT = {"distribution": "constant", "value": "10 ms"}
UNIFORM = {"distribution": "uniform", "low": "1 ms", "high": "50 ms"}
A, B, C = "hospital-1", "hospital-2", "hospital-3"
TWIN = "hospital-3/twin"

Log = list[tuple[int, str, str, int]]


class Run:
    """A network of three hospitals, the last with a twin, that keeps what arrives."""

    def __init__(
        self,
        network: dict[str, Any] | None = None,
        faults: list[dict[str, Any]] | None = None,
        seed: int = 1,
    ) -> None:
        twin = {"kind": "twin", "hospital": C}
        scenario = Scenario.model_validate(
            {
                "scenario": "x",
                "hospitals": 3,
                "network": {"latency": CONSTANT} | (network or {}),
                "faults": [twin, *(faults or [])],
            }
        )
        self.env = simpy.Environment()
        self.network: Network[int] = Network(
            self.env,
            build(scenario.network, scenario.hospitals, seed),
            scenario.network,
            seed=seed,
            disturbances=disturbances_of(scenario.faults),
        )
        self.log: Log = []
        for instance in scenario.instances:
            self.network.connect(instance, self._logs(instance))

    def _logs(self, receiver: str) -> Callable[[str, int], None]:
        def log(sender: str, message: int) -> None:
            self.log.append((int(self.env.now), sender, receiver, message))

        return log

    def send_at(
        self, time_us: int, message: int, slot: int | None = None, sender: str = A, to: str = B
    ) -> None:
        """Send a message of 100 bytes at a time."""

        def act(_: simpy.Event) -> None:
            self.network.send(sender, to, message, 100, slot)

        self.env.timeout(time_us).callbacks.append(act)

    def arrivals(self) -> list[tuple[int, int]]:
        """Let everything happen; return (time, message) of each arrival."""
        self.env.run()
        return [(time, message) for time, _, _, message in self.log]


def traffic_of(run: Run) -> Traffic:
    return run.network.total()


# Loss


def test_without_retransmission_a_lost_message_never_arrives() -> None:
    run = Run({"loss": "30 %", "retransmit": "never"})
    for number in range(2_000):
        run.send_at(0, number)
    arrived = len(run.arrivals())
    assert abs(arrived - 1_400) < 5 * (2_000 * 0.3 * 0.7) ** 0.5
    assert traffic_of(run).lost_count == 2_000 - arrived
    assert traffic_of(run).resent_count == 0


def test_a_lost_message_is_sent_again_with_doubled_waits() -> None:
    run = Run({"loss": "60 %"})
    for number in range(500):
        run.send_at(0, number)
    waits = [min(200_000 * 2**retries, BACKOFF_MAX_US) for retries in range(RETRIES_MAX)]
    found = run.arrivals()
    assert len(found) + traffic_of(run).lost_count == 500
    assert {time for time, _ in found} <= {10_000 + sum(waits[:n]) for n in range(RETRIES_MAX + 1)}
    assert len({time for time, _ in found}) > 5


def test_what_is_always_lost_is_given_up_after_fifteen_retransmissions() -> None:
    run = Run({"loss": "100 %"})
    run.send_at(0, 1)
    assert run.arrivals() == []
    assert traffic_of(run) == Traffic(1, 100, 0, 0, 1, RETRIES_MAX, 0)


def test_a_first_wait_above_the_cap_is_kept() -> None:
    run = Run(
        {"loss": "100 %", "retransmit": "10 min", "gst": "1 h", "before_gst": {"loss": "0 %"}}
    )
    run.send_at(3_600_000_000, 1)
    assert run.arrivals() == []
    assert run.env.now == 3_600_000_000
    assert traffic_of(run).resent_count == RETRIES_MAX


def test_a_retransmission_meets_the_partition_that_began_meanwhile() -> None:
    """A message that is lost before GST is sent again at GST, when its ends are separated."""
    fault = {"kind": "partition", "groups": [[A], [B]], "start": "1 s", "heal": "5 s"}
    run = Run({"gst": "1 s", "before_gst": {"loss": "100 %"}}, [fault])
    run.send_at(0, 1)
    assert run.arrivals() == [(5_010_000, 1)]
    assert traffic_of(run).held_count == 1


def test_a_route_loses_what_any_of_its_links_loses() -> None:
    graph = [[A, B, {"loss": "50 %"}], [B, C, {"loss": "50 %"}]]
    run = Run({"graph": graph, "retransmit": "never"})
    for number in range(2_000):
        run.send_at(0, number, to=C)
    assert abs(len(run.arrivals()) - 500) < 5 * (2_000 * 0.25 * 0.75) ** 0.5


def test_a_link_of_its_own_loses_and_the_others_do_not() -> None:
    graph = [[A, B, {"loss": "100 %"}], [B, C]]
    run = Run({"graph": graph, "retransmit": "never"})
    run.send_at(0, 1)
    run.send_at(0, 2, sender=B, to=C)
    assert [message for _, message in run.arrivals()] == [2]


def test_nothing_gets_lost_between_a_hospital_and_its_twin() -> None:
    run = Run({"loss": "100 %", "retransmit": "never"})
    run.send_at(0, 1, sender=C, to=TWIN)
    assert run.arrivals() == [(1, 1)]


def test_a_link_may_have_a_bandwidth_of_its_own() -> None:
    graph = [[A, B, {"bandwidth": "8 Mbit/s"}], [B, C]]
    run = Run({"graph": graph, "bandwidth": "80 kbit/s"})
    run.send_at(0, 1)
    run.send_at(0, 2, to=C)
    assert run.arrivals() == [(10_100, 1), (30_100, 2)]


# Copies and order


def test_a_duplicated_message_arrives_twice() -> None:
    run = Run({"duplication": "100 %", "latency": UNIFORM})
    for number in range(50):
        run.send_at(0, number)
    found = run.arrivals()
    assert Counter(message for _, message in found) == dict.fromkeys(range(50), 2)
    assert traffic_of(run).duplicated_count == 50
    assert len({time for time, _ in found}) > 90


def test_free_messages_overtake_each_other_and_fifo_messages_do_not() -> None:
    orders = {}
    for order in ("free", "fifo"):
        run = Run({"order": order, "latency": UNIFORM})
        for number in range(100):
            run.send_at(number, number)
        orders[order] = [message for _, message in run.arrivals()]
    assert orders["fifo"] == list(range(100))
    assert orders["free"] != list(range(100))
    assert sorted(orders["free"]) == list(range(100))


def test_a_reordered_message_takes_the_delay_twice() -> None:
    run = Run({"reordering": "50 %"})
    for number in range(200):
        run.send_at(0, number)
    times = Counter(time for time, _ in run.arrivals())
    assert times.keys() == {10_000, 20_000}
    assert abs(times[20_000] - 100) < 40


# Stabilisation


def before(**settings: Any) -> dict[str, Any]:
    return {"gst": "1 s", "before_gst": settings}


def test_before_gst_links_have_another_latency() -> None:
    run = Run(before(latency={"distribution": "constant", "value": "300 ms"}))
    run.send_at(0, 1)
    run.send_at(900_000, 2)
    run.send_at(1_000_000, 3)
    assert run.arrivals() == [(300_000, 1), (1_010_000, 2), (1_010_000, 3)]


def test_what_is_lost_before_gst_arrives_as_if_sent_at_gst() -> None:
    run = Run(before(loss="100 %"))
    run.send_at(0, 1)
    run.send_at(999_999, 2)
    assert run.arrivals() == [(1_010_000, 1), (1_010_000, 2)]


def test_without_retransmission_what_is_lost_before_gst_stays_lost() -> None:
    run = Run(before(loss="100 %") | {"retransmit": "never"})
    run.send_at(0, 1)
    run.send_at(1_000_000, 2)
    assert run.arrivals() == [(1_010_000, 2)]


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from(["0 %", "30 %", "100 %"]),
    retransmit=st.sampled_from(["1 ms", "200 ms", "5 s"]),
    sent=st.lists(st.integers(0, 2_000_000), max_size=30),
    order=st.sampled_from(["free", "fifo"]),
)
def test_what_is_sent_at_t_arrives_by_max_t_gst_plus_delta(
    seed: int, loss: str, retransmit: str, sent: list[int], order: str
) -> None:
    slow = {"distribution": "lognormal", "mean": "2 s", "deviation": "5 s"}
    network = {"latency": UNIFORM, "retransmit": retransmit, "order": order}
    run = Run(network | before(loss=loss, latency=slow), seed=seed)
    for number, time_us in enumerate(sent):
        run.send_at(time_us, number)
    found = run.arrivals()
    assert sorted(message for _, message in found) == list(range(len(sent)))
    assert all(time <= max(sent[message], 1_000_000) + 50_000 for time, message in found)


# Partitions that drop


def test_a_partition_that_drops_loses_what_is_sent_across() -> None:
    fault = {
        "kind": "partition",
        "groups": [[A], [B]],
        "start": "1 s",
        "heal": "2 s",
        "drop": True,
    }
    run = Run(faults=[fault])
    for number, time_us in enumerate([999_999, 1_000_000, 1_999_999, 2_000_000]):
        run.send_at(time_us, number)
    assert [message for _, message in run.arrivals()] == [0, 3]
    assert traffic_of(run).dropped_count == 2


# Firewalls


def firewall(senders: list[str], receivers: list[str], **settings: Any) -> dict[str, Any]:
    return {"kind": "firewall", "senders": senders, "receivers": receivers} | settings


def test_a_firewall_stops_one_direction_in_its_rounds() -> None:
    run = Run(faults=[firewall([A], [B], from_round=2, until_round=3)])
    for slot in range(1, 5):
        run.send_at(slot, slot, slot)
        run.send_at(slot, 10 + slot, slot, sender=B, to=A)
        run.send_at(slot, 20 + slot, slot, to=C)
    assert sorted(message for _, message in run.arrivals()) == [
        1,
        4,
        *range(11, 15),
        *range(21, 25),
    ]
    assert traffic_of(run).dropped_count == 2


def test_a_firewall_goes_by_the_round_of_a_message_and_not_by_the_time() -> None:
    run = Run(faults=[firewall([A], [B], from_round=2, until_round=2)])
    run.send_at(0, 1, slot=2)
    run.send_at(5_000_000, 2, slot=1)
    run.send_at(6_000_000, 3, slot=2)
    assert [message for _, message in run.arrivals()] == [2]


def test_a_firewall_that_holds_lets_through_after_a_message_of_a_later_round() -> None:
    run = Run(faults=[firewall([A], [B], from_round=2, until_round=3, drop=False)])
    for time_us, slot in [(0, 1), (1, 2), (2, 3), (3, 2), (1_000_000, 4)]:
        run.send_at(time_us, time_us, slot)
    assert run.arrivals() == [
        (10_000, 0),
        (1_010_000, 1),
        (1_010_000, 2),
        (1_010_000, 3),
        (1_010_000, 1_000_000),
    ]
    assert traffic_of(run).held_count == 3


def test_a_firewall_to_the_end_of_the_run_stops_messages_of_no_round_too() -> None:
    cases: list[tuple[dict[str, Any], bool]] = [
        ({}, False),
        ({"drop": False}, False),
        ({"until_round": 10}, True),
        ({"from_round": 2}, True),
    ]
    for rounds, arrives in cases:
        run = Run(faults=[firewall([A], [B], **rounds)])
        run.send_at(0, 1, slot=None)
        assert bool(run.arrivals()) == arrives


def test_a_firewall_tells_a_hospital_from_its_twin() -> None:
    run = Run(faults=[firewall([A], [TWIN])])
    run.send_at(0, 1, slot=1, to=C)
    run.send_at(0, 2, slot=1, to=TWIN)
    assert [message for _, message in run.arrivals()] == [1]


@st.composite
def firewalls(draw: st.DrawFn) -> list[dict[str, Any]]:
    found = []
    for _ in range(draw(st.integers(0, 4))):
        first = draw(st.integers(1, 6))
        until = draw(st.none() | st.integers(first, 8))
        found.append(
            firewall(
                draw(st.sampled_from([[A], [B], [A, B]])),
                draw(st.sampled_from([[B, C], [A, C], [A, B]])),
                from_round=first,
                drop=draw(st.booleans()),
                **({} if until is None else {"until_round": until}),
            )
        )
    return found


def stopped_round_by_round(faults: list[dict[str, Any]], slots: list[int]) -> list[int]:
    """The brute-force twin: for each message of A to B, whether it arrives in the end."""
    arrived = []
    for index, slot in enumerate(slots):
        drops, ends = False, [0]
        for fault in faults:
            last = fault.get("until_round", 10**9)
            concerned = A in fault["senders"] and B in fault["receivers"]
            if concerned and fault["from_round"] <= slot <= last:
                drops |= fault["drop"] or last == 10**9
                ends.append(last)
        later = any(other > max(ends) for other in slots[index + 1 :])
        if not drops and (ends == [0] or later):
            arrived.append(index)
    return arrived


@settings(deadline=None)
@given(firewalls(), st.lists(st.integers(1, 10), max_size=12))
def test_firewalls_stop_what_the_rounds_say(faults: list[dict[str, Any]], slots: list[int]) -> None:
    run = Run(faults=faults)
    for index, slot in enumerate(slots):
        run.send_at(index, index, slot)
    assert sorted(message for _, message in run.arrivals()) == stopped_round_by_round(faults, slots)


# Adversarial delays


def test_a_delay_slows_what_a_hospital_and_its_twin_send() -> None:
    delay = {"kind": "delay", "hospital": C, "extra": "300 ms", "from_round": 2, "until_round": 2}
    run = Run(faults=[delay, delay | {"extra": "1 s"}])
    run.send_at(0, 1, slot=1, sender=C, to=A)
    run.send_at(0, 2, slot=2, sender=C, to=A)
    run.send_at(0, 3, slot=2, sender=TWIN, to=A)
    run.send_at(0, 4, slot=2, sender=A, to=C)
    assert run.arrivals() == [(10_000, 1), (10_000, 4), (1_310_000, 2), (1_310_000, 3)]


# Everything at once


NETWORKS = st.fixed_dictionaries(
    {
        "latency": st.sampled_from([CONSTANT, UNIFORM]),
        "bandwidth": st.sampled_from(["unlimited", "1 Mbit/s"]),
        "loss": st.sampled_from(["0 %", "40 %"]),
        "retransmit": st.sampled_from(["never", "50 ms"]),
        "duplication": st.sampled_from(["0 %", "40 %"]),
        "order": st.sampled_from(["free", "fifo"]),
    },
    optional={
        "gst": st.just("300 ms"),
    },
).map(
    lambda network: (
        network | {"before_gst": {"loss": "50 %", "latency": UNIFORM}}
        if "gst" in network
        else network
    )
)
FAULTS = st.lists(
    st.sampled_from(
        [
            {"kind": "partition", "groups": [[A], [B]], "heal": "200 ms"},
            {"kind": "partition", "groups": [[A, C], [B]], "start": "100 ms", "heal": "never"},
            {"kind": "partition", "groups": [[A], [B]], "heal": "150 ms", "drop": True},
            firewall([A], [B], from_round=3),
            {"kind": "delay", "hospital": A, "extra": "77 ms", "from_round": 2},
        ]
    ),
    max_size=3,
)
SENT = st.lists(st.tuples(st.integers(0, 600_000), st.integers(1, 5)), max_size=30)


def run_of(
    network: dict[str, Any],
    faults: list[dict[str, Any]],
    sent: list[tuple[int, int]],
    seed: int = 1,
) -> Run:
    run = Run(network, faults, seed)
    for number, (time_us, slot) in enumerate(sorted(sent)):
        run.send_at(time_us, number, slot)
        run.send_at(time_us, number, slot, sender=B, to=C)
    run.env.run()
    return run


@settings(deadline=None)
@given(NETWORKS, FAULTS, SENT, st.integers(0, 2**32))
def test_every_message_is_delivered_once_or_twice_or_is_counted_as_lost(
    network: dict[str, Any], faults: list[dict[str, Any]], sent: list[tuple[int, int]], seed: int
) -> None:
    run = run_of(network, faults, sent, seed)
    for pair, traffic in run.network.traffic().items():
        copies = Counter(m for _, sender, receiver, m in run.log if (sender, receiver) == pair)
        assert set(copies.values()) <= {1, 2}
        assert sum(count == 2 for count in copies.values()) == traffic.duplicated_count
        assert len(copies) + traffic.lost_count + traffic.dropped_count == traffic.message_count
        assert traffic.message_count == len(sent)


@settings(deadline=None)
@given(NETWORKS, FAULTS, SENT)
def test_fifo_messages_arrive_in_the_order_in_which_they_were_sent(
    network: dict[str, Any], faults: list[dict[str, Any]], sent: list[tuple[int, int]]
) -> None:
    run = run_of(network | {"order": "fifo"}, faults, sent)
    for sender, receiver in [(A, B), (B, C)]:
        order = [m for _, s, r, m in run.log if (s, r) == (sender, receiver)]
        assert order == sorted(order)


@settings(deadline=None)
@given(NETWORKS, FAULTS, SENT, st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_arrivals(
    network: dict[str, Any], faults: list[dict[str, Any]], sent: list[tuple[int, int]], seed: int
) -> None:
    first, second = (run_of(network, faults, sent, seed) for _ in range(2))
    assert first.log == second.log
    assert first.network.traffic() == second.network.traffic()


FEATURES: dict[str, dict[str, Any]] = {
    "duplication": {"duplication": "50 %"},
    "loss": {"loss": "50 %"},
    "reordering": {"reordering": "50 %"},
    "gst": {"gst": "1 us", "before_gst": {"loss": "50 %"}},
    "bandwidth": {"bandwidth": "1000 Gbit/s"},
}


@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_does_not_shift_the_chance_of_the_delays(feature: str) -> None:
    """Each message that met nothing arrives when it did without the feature."""
    sent = [(10 * number, 1) for number in range(200)]
    plain = run_of({"latency": UNIFORM}, [], sent).log
    rough = run_of({"latency": UNIFORM} | FEATURES[feature], [], sent).log
    common = set(plain) & set(rough)
    assert len(common) > 0.4 * len(plain)
    assert len({message for _, _, _, message in common}) > 100


def test_one_feature_does_not_shift_the_chance_of_another() -> None:
    sent = [(number, 1) for number in range(200)]
    doubled = {"duplication": "30 %"}

    def twice(network: dict[str, Any]) -> set[int]:
        log = run_of({"latency": UNIFORM} | network, [], sent).log
        counted = Counter(message for _, sender, _, message in log if sender == A)
        return {message for message, count in counted.items() if count == 2}

    assert twice(doubled) == twice(doubled | {"reordering": "30 %", "bandwidth": "1 Mbit/s"})


@settings(deadline=None)
@given(NETWORKS, FAULTS, st.lists(st.integers(1, 5), max_size=10))
def test_a_broadcast_is_as_many_messages_in_a_row(
    network: dict[str, Any], faults: list[dict[str, Any]], slots: list[int]
) -> None:
    one, many = Run(network, faults), Run(network, faults)
    receivers = (TWIN, C, B)
    for message, slot in enumerate(slots):
        one.network.broadcast(A, receivers, message, 100, slot)
        for receiver in receivers:
            many.network.send(A, receiver, message, 100, slot)
    one.env.run()
    many.env.run()
    assert one.log == many.log
    assert one.network.traffic() == many.network.traffic()


def test_receivers_of_a_broadcast_may_change() -> None:
    run = Run()
    for receivers in [(B,), (C, TWIN), (B,)]:
        run.network.broadcast(A, receivers, 1, 1)
    run.env.run()
    assert [receiver for _, _, receiver, _ in run.log] == [B, C, TWIN, B]


def test_the_faults_of_the_network_are_picked_out() -> None:
    faults = Run(
        faults=[
            firewall([A], [B]),
            {"kind": "delay", "hospital": A, "extra": "1 s"},
            {"kind": "partition", "groups": [[A], [B]], "heal": "1 s"},
        ]
    ).network._disturbances
    assert [type(fault) for fault in faults.partitions] == [Partition]
    assert [type(fault) for fault in faults.firewalls] == [Firewall]
    assert [type(fault) for fault in faults.delays] == [Delay]
