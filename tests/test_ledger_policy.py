"""Witness policies: their text, and which cosignatures are enough under them."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import chain, combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.digest import sha256
from crypto.keys import PublicKey
from crypto.signature import Algorithm, PrivateKey, private_key
from ledger.checkpoint import (
    Checkpoint,
    CheckpointError,
    Cosignature,
    VerifierKey,
    cosign,
    cosigner_name,
    format_vkey,
    log_origin,
)
from ledger.genesis import Genesis
from ledger.policy import (
    LINES_MAX,
    POLICY_SIZE_MAX,
    WITNESSES_MAX,
    Group,
    Log,
    Policy,
    PolicyError,
    Witness,
    check_policy,
    default_policy,
    format_policy,
    is_quorum,
    parse_policy,
    witnesses_of,
)

from .forge import Forge

ORIGIN = log_origin(sha256(b"chain"), "h1")
CHECKPOINT = Checkpoint(ORIGIN, 5, sha256(b"root"))
LABELS = ("X1", "X2", "X3", "Y1", "Y2", "Y3")


def made(label: str) -> PrivateKey:
    return private_key(Algorithm.ML_DSA_44, sha256(label.encode()))


KEYS = {label: made(label) for label in (*LABELS, "log")}


def signer(label: str) -> str:
    return ORIGIN if label == "log" else f"{label.lower()}.example"


def vkey(label: str) -> str:
    return format_vkey(VerifierKey(signer(label), KEYS[label].public_key))


def signed_by(*labels: str, checkpoint: Checkpoint = CHECKPOINT) -> list[Cosignature]:
    return [cosign(KEYS[label], signer(label), checkpoint, 7) for label in labels]


def written(text: str) -> bytes:
    """A policy with ``<X1>`` for the verifier key of X1."""
    for label in KEYS:
        text = text.replace(f"<{label}>", vkey(label))
    return text.encode()


# C2SP tlog-policy, "Example policy", with keys.
EXAMPLE = """
log <log>

witness X1 <X1>
witness X2 <X2>
witness X3 <X3>
group X-witnesses 2 X1 X2 X3

witness Y1 <Y1>
witness Y2 <Y2>
witness Y3 <Y3>
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""


def test_the_policy_of_the_specification_is_read() -> None:
    policy = parse_policy(written(EXAMPLE))
    assert [each.key.name for each in policy.logs] == [ORIGIN]
    assert [each.name for each in policy.witnesses] == list(LABELS)
    assert policy.groups == (
        Group("X-witnesses", 2, ("X1", "X2", "X3")),
        Group("Y-witnesses", 1, ("Y1", "Y2", "Y3")),
        Group("X-and-Y", 2, ("X-witnesses", "Y-witnesses")),
    )
    assert policy.quorum == "X-and-Y"
    assert witnesses_of(policy) == frozenset(LABELS)


def test_the_policy_of_the_specification_asks_for_two_x_and_one_y() -> None:
    policy = parse_policy(written(EXAMPLE))
    for present in subsets(LABELS):
        enough = sum(name in present for name in LABELS[:3]) >= 2 and any(
            name in present for name in LABELS[3:]
        )
        assert is_quorum(policy, present) is enough


def test_enough_cosignatures_pass() -> None:
    policy = parse_policy(written(EXAMPLE))
    check_policy(policy, CHECKPOINT, signed_by("log", "X1", "X3", "Y2"))
    check_policy(policy, CHECKPOINT, signed_by("Y1", "Y2", "Y3", "X3", "X2", "X1", "log"))


def test_too_few_cosignatures_say_who_is_missing() -> None:
    policy = parse_policy(written(EXAMPLE))
    with pytest.raises(
        CheckpointError,
        match=r"^expected cosignatures that make the quorum X-and-Y, "
        r"found those of X2, Y1, Y2; missing are X1, X3, Y3$",
    ):
        check_policy(policy, CHECKPOINT, signed_by("log", "X2", "Y1", "Y2"))


def test_the_log_has_to_sign_where_one_is_listed() -> None:
    policy = parse_policy(written(EXAMPLE))
    with pytest.raises(CheckpointError, match=rf"a signature by the log {ORIGIN}, found none"):
        check_policy(policy, CHECKPOINT, signed_by("X1", "X2", "Y1"))
    other = replace(CHECKPOINT, origin="other.example/log")
    with pytest.raises(CheckpointError, match=rf"a checkpoint of {ORIGIN}, found one of other"):
        check_policy(policy, other, signed_by("log", "X1", "X2", "Y1", checkpoint=other))


def test_any_log_will_do_where_none_is_listed() -> None:
    policy = parse_policy(written("witness X1 <X1>\nquorum X1\n"))
    check_policy(policy, CHECKPOINT, signed_by("X1"))
    other = replace(CHECKPOINT, origin="other.example/log")
    check_policy(policy, other, signed_by("X1", checkpoint=other))


def test_without_a_quorum_a_log_is_enough_and_nobody_is_not() -> None:
    policy = parse_policy(written("log <log>\nquorum none\n"))
    check_policy(policy, CHECKPOINT, signed_by("log"))
    with pytest.raises(CheckpointError, match="a signature by the log"):
        check_policy(policy, CHECKPOINT, signed_by("X1"))
    with pytest.raises(CheckpointError, match="a signature by a key that the policy names"):
        check_policy(parse_policy(b"quorum none\n"), CHECKPOINT, signed_by("X1"))


def test_one_witness_counts_once() -> None:
    policy = parse_policy(written("witness X1 <X1>\nwitness X2 <X2>\ngroup g 2 X1 X2\nquorum g\n"))
    twice = [*signed_by("X1"), cosign(KEYS["X1"], signer("X1"), CHECKPOINT, 8)]
    with pytest.raises(CheckpointError, match="found those of X1; missing are X2"):
        check_policy(policy, CHECKPOINT, twice)


def test_a_stranger_does_not_count_and_does_not_harm() -> None:
    policy = parse_policy(written("witness X1 <X1>\nquorum X1\n"))
    stranger = cosign(KEYS["X2"], signer("X1"), CHECKPOINT, 7)
    check_policy(policy, CHECKPOINT, [stranger, *signed_by("X1")])
    with pytest.raises(CheckpointError, match="found those of nobody; missing are X1"):
        check_policy(policy, CHECKPOINT, [stranger])


@pytest.mark.parametrize(
    "change",
    [
        {"size": 6},
        {"root": sha256(b"rewritten")},
        {"origin": log_origin(sha256(b"chain"), "h2")},
    ],
)
def test_a_cosignature_of_another_checkpoint_is_an_error_even_beside_enough_others(
    change: Mapping[str, object],
) -> None:
    policy = parse_policy(
        written("witness X1 <X1>\nwitness X2 <X2>\ngroup g any X1 X2\nquorum g\n")
    )
    moved = signed_by("X2", checkpoint=replace(CHECKPOINT, **change))  # type: ignore[arg-type]  # a case table
    with pytest.raises(CheckpointError, match=r"a cosignature by x2.example of .* does not verify"):
        check_policy(policy, CHECKPOINT, [*signed_by("X1"), *moved])


def test_comments_blanks_tabs_and_opaque_octets_are_read_as_the_specification_says() -> None:
    data = written(
        "# Gr\u00f6\u00dfe\n \t\n\t# more\n  witness\t \tK <X1> https://x.example/\u00fc\t\n"
        "witness \u212a <X2>\nwitness \x00 <X3>\ngroup g 2 K \u212a \x00\nquorum g\n"
    ).replace(b"\x00", b"\xff\xfe")
    policy = parse_policy(data)
    assert [each.name for each in policy.witnesses] == ["K", "\u212a", "\udcff\udcfe"]
    assert policy.witnesses[0].url == "https://x.example/\u00fc"
    assert parse_policy(format_policy(policy)) == policy
    with pytest.raises(CheckpointError) as caught:
        check_policy(policy, CHECKPOINT, signed_by("X1"))
    assert str(caught.value).isprintable()


TWO = "witness X1 <X1>\nwitness X2 <X2>\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: expected a quorum line before the end"),
        (TWO, "line 3: expected a quorum line before the end"),
        (TWO + "quorum X1", "line 3: expected a newline at its end"),
        (TWO + "quorum X1\nquorum X1\n", "line 4: expected one quorum line, found another"),
        (TWO + "quorum none\nquorum X1\n", "line 4: expected one quorum line, found another"),
        (TWO + "quorum X3\n", "line 3: expected a witness or group of a preceding line"),
        ("quorum X1\n" + TWO, "line 1: expected a witness or group of a preceding line"),
        (TWO + "quorum\n", r"line 3: expected quorum <name\|none>, found 0 items"),
        (TWO + "quorum X1 X2\n", r"line 3: expected quorum <name\|none>, found 2 items"),
        (TWO + "quorum X1 # why\n", r"line 3: expected quorum <name\|none>, found 3 items"),
        (TWO + "group g 0 X1\n", "line 3: expected any, all or a threshold of 1 to 1, found 0"),
        (TWO + "group g 3 X1 X2\n", "line 3: expected any, all or a threshold of 1 to 2, found 3"),
        (TWO + "group g 02 X1 X2\n", "line 3: expected any, all or a threshold of 1 to 2"),
        (TWO + "group g +1 X1 X2\n", "line 3: expected any, all or a threshold of 1 to 2"),
        (TWO + f"group g {10**9} X1\n", "line 3: expected any, all or a threshold of 1 to 1"),
        (TWO + "group g all\n", "line 3: expected group <name> <k|any|all> <member>..., found 2"),
        (
            TWO + "group g all X1 X1\n",
            "line 3: expected each name as a member once, found X1 again",
        ),
        (
            TWO + "group g all X1\ngroup f all X1\n",
            "line 4: expected each name as a member once, found X1 again",
        ),
        (TWO + "group g all X3\n", "line 3: expected members defined on preceding lines, found X3"),
        (TWO + "group g all g\n", "line 3: expected members defined on preceding lines, found g"),
        (TWO + "group g all none\n", "line 3: expected members defined on preceding lines"),
        (TWO + "group X1 all X2\n", "line 3: expected a name that is not taken, found X1"),
        ("witness none <X1>\n", "line 1: expected a name that is not taken, found none"),
        (TWO + "witness X1 <X3>\n", "line 3: expected a name that is not taken, found X1"),
        (TWO + "witness X3 <X1>\n", "line 3: expected each witness key once"),
        ("log <log>\nlog <log>\n", "line 2: expected each log key once"),
        ("witness <X1>\n", "line 1: expected witness <name> <vkey>"),
        ("witness X1 <X1> url more\n", "line 1: expected witness <name> <vkey>"),
        ("log\n", "line 1: expected log <vkey>"),
        ("witness X1 x1.example+00000000+AAAA\n", "line 1: expected a verifier key of type"),
        ("\nwitnes X1 <X1>\n", "line 2: expected one of log, witness, group, quorum, found witnes"),
        ("Quorum none\n", "line 1: expected one of log"),
        ("quorum none\r\n", "line 1: expected no control character but tab, found byte 0x0d"),
        ("# \x7f\nquorum none\n", "line 1: expected no control character but tab, found byte 0x7f"),
        ("\u00a0quorum none\n", "line 1: expected one of log"),
        ("#\n" * (LINES_MAX + 1), "expected a policy of at most"),
        ("#" * (POLICY_SIZE_MAX + 1), "expected a policy of at most"),
    ],
)
def test_an_error_names_the_line(text: str, message: str) -> None:
    with pytest.raises(PolicyError, match=f"^{message.replace('k|any|all', '.*')}"):
        parse_policy(written(text))


def test_two_keys_are_duplicates_whatever_their_names() -> None:
    renamed = format_vkey(VerifierKey("other.example", KEYS["X1"].public_key))
    with pytest.raises(PolicyError, match="line 3: expected each witness key once"):
        parse_policy(written(f"{TWO}witness X3 {renamed}\n"))


def test_keys_that_sign_no_checkpoints_are_refused() -> None:
    key = private_key(Algorithm.ED25519, sha256(b"log")).public_key
    text = format_vkey(VerifierKey("log.example", key))
    for line in (f"log {text}\n", f"witness L {text}\n"):
        with pytest.raises(PolicyError, match="line 1: expected an ML-DSA-44 key, found Ed25519"):
            parse_policy(line.encode())


def test_a_second_key_for_a_name_and_key_id_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key id has four bytes: a collision is a matter of hours, here it is forced."""

    def same_id(name: str, key: PublicKey) -> bytes:
        return b"same"

    monkeypatch.setattr("ledger.checkpoint.key_id", same_id)
    keys = [format_vkey(VerifierKey("x.example", KEYS[label].public_key)) for label in LABELS[:2]]
    text = f"witness X1 {keys[0]}\nwitness X2 {keys[1]}\n"
    with pytest.raises(PolicyError, match="line 2: expected one key for a name and key id"):
        parse_policy(text.encode())


def test_there_is_a_limit_on_witnesses() -> None:
    keys = [
        VerifierKey("w.example", PublicKey(Algorithm.ML_DSA_44, number.to_bytes(1312)))
        for number in range(1, WITNESSES_MAX + 2)
    ]
    lines = [f"witness w{number} {format_vkey(key)}\n" for number, key in enumerate(keys)]
    within = "".join([*lines[:-1], "quorum w0\n"]).encode()
    assert len(parse_policy(within).witnesses) == WITNESSES_MAX
    with pytest.raises(PolicyError, match=f"line {WITNESSES_MAX + 1}: expected at most"):
        parse_policy("".join([*lines, "quorum w0\n"]).encode())


@pytest.mark.parametrize(("count", "threshold"), [(1, 1), (3, 3), (4, 3), (5, 4), (6, 5), (7, 5)])
def test_the_default_policy_asks_for_more_than_two_thirds_of_the_witnesses(
    count: int, threshold: int
) -> None:
    forge = Forge(count=count)
    genesis = forge.genesis().core.body
    assert isinstance(genesis, Genesis)
    policy = default_policy(genesis)
    assert parse_policy(format_policy(policy)) == policy
    signed = [
        cosign(forge.witness_keys[node], cosigner_name(node), CHECKPOINT, 1) for node in forge.nodes
    ]
    check_policy(policy, CHECKPOINT, signed[:threshold])
    with pytest.raises(CheckpointError, match=f"missing are .*h{count}"):
        check_policy(policy, CHECKPOINT, signed[: threshold - 1])


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Policies with groups of groups, each name a member at most once."""
    labels = draw(st.lists(st.sampled_from(LABELS), unique=True, max_size=6))
    witnesses = tuple(
        Witness(
            label,
            VerifierKey(signer(label), KEYS[label].public_key),
            draw(st.sampled_from(["", "https://w.example/"])),
        )
        for label in labels
    )
    free, groups = list(labels), []
    for number in range(draw(st.integers(0, 4))):
        if not free:
            break
        members = draw(st.lists(st.sampled_from(free), unique=True, min_size=1, max_size=4))
        threshold = draw(st.integers(1, len(members)))
        groups.append(Group(f"g{number}", threshold, tuple(members)))
        free = [name for name in free if name not in members] + [f"g{number}"]
    quorum = draw(st.sampled_from([None, *labels, *(each.name for each in groups)]))
    key = VerifierKey(ORIGIN, KEYS["log"].public_key)
    logs = (Log(key, "https://log.example/"),) if draw(st.booleans()) else ()
    return Policy(logs, witnesses, tuple(groups), quorum)


@given(policies())
def test_a_policy_reads_back(policy: Policy) -> None:
    assert parse_policy(format_policy(policy)) == policy


@settings(deadline=None)
@given(policies())
def test_the_quorum_is_that_of_brute_force(policy: Policy) -> None:
    asked = twin_slices(policy, policy.quorum)
    for present in subsets([each.name for each in policy.witnesses]):
        assert is_quorum(policy, present) is any(each <= present for each in asked)
    contributing = frozenset(chain.from_iterable(asked))
    assert contributing == witnesses_of(policy)


def twin_slices(policy: Policy, name: str | None) -> set[frozenset[str]]:
    """Every minimal choice of witnesses that makes a name witness, spelled out."""
    if name is None:
        return {frozenset()}
    group = next((each for each in policy.groups if each.name == name), None)
    if group is None:
        return {frozenset({name})}
    slices: set[frozenset[str]] = set()
    for members in combinations(group.members, group.threshold):
        choices: set[frozenset[str]] = {frozenset()}
        for member in members:
            choices = {chosen | more for chosen in choices for more in twin_slices(policy, member)}
        slices |= choices
    return slices


def subsets(names: list[str] | tuple[str, ...]) -> list[frozenset[str]]:
    sizes = range(len(names) + 1)
    return [frozenset(each) for size in sizes for each in combinations(names, size)]


@settings(deadline=None, max_examples=30)
@given(policies(), st.data())
def test_signatures_pass_exactly_when_log_and_quorum_are_there(
    policy: Policy, data: st.DataObject
) -> None:
    present = data.draw(st.frozensets(st.sampled_from([*LABELS, "log"])))
    known = {each.name for each in policy.witnesses} | ({"log"} if policy.logs else set())
    enough = (
        is_quorum(policy, present)
        and (not policy.logs or "log" in present)
        and not present.isdisjoint(known)
    )
    signed = signed_by(*sorted(present))
    if enough:
        check_policy(policy, CHECKPOINT, signed)
    else:
        with pytest.raises(CheckpointError):
            check_policy(policy, CHECKPOINT, signed)


WORDS = st.sampled_from(
    ["log", "witness", "group", "quorum", "any", "none", "1", "a", "b", "#", "\t", vkey("X1")]
)


@settings(deadline=None)
@given(
    st.binary(max_size=80)
    | st.lists(st.lists(WORDS, max_size=5).map(" ".join)).map(lambda all_: "\n".join(all_).encode())
)
def test_random_text_raises_nothing_but_our_error(data: bytes) -> None:
    try:
        policy = parse_policy(data)
    except PolicyError:
        return
    assert parse_policy(format_policy(policy)) == policy


def test_a_key_that_is_no_base64_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"expected a verifier key in base64, found [?]"):
        parse_policy(f"log {ORIGIN}+00000000+{'?' * 44}\n".encode())
