"""A second verifier of norm proofs: integers of Python and SHAKE-256, nothing of ``crypto``.

It follows the specification and docs/norm-proof.md alone. It reads the bytes of a commitment and
of a proof, multiplies ring elements as large integers (Kronecker substitution) and knows neither
transforms nor floats, but for square roots and the table of cosines. It is slow: some seconds.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import cbor2

N = 256
Q = 2**54 - 131
KAPPA, LAM, KAPPA0, LAM0 = 6, 10, 5, 10
PAIRS = 34
ETA = {1: 24, 2: 27.5, 3: 30, 4: 32.5, 5: 34.5, 6: 36.5, 7: 38, 8: 39.5, 9: 41, 10: 42.5, 12: 45}
SEED = b"tclearn/norm-proof/v1"

Poly = list[int]


class RejectedError(Exception):
    """The proof does not hold; says at which check."""


@dataclass(frozen=True)
class Statement:
    """What is to be shown, as plain values."""

    layers: Sequence[tuple[int, int]]
    blocks: int
    context: dict[str, Any]
    centre: Sequence[int] | None = None


def need(holds: bool, check: str) -> None:
    if not holds:
        raise RejectedError(check)


# Hashing.


def framed(part: bytes | list[Any]) -> bytes:
    data = part if isinstance(part, bytes) else entries(part)
    return len(data).to_bytes(8, "little") + data


def entries(nested: list[Any]) -> bytes:
    if nested and isinstance(nested[0], list):
        return b"".join(entries(each) for each in nested)
    return b"".join(each.to_bytes(8, "little", signed=True) for each in nested)


def hashed(label: str, *parts: bytes | list[Any]) -> bytes:
    data = b"PQ-L2-ZK/v1/" + framed(label.encode()) + b"".join(map(framed, parts))
    return hashlib.shake_256(data).digest(32)


def expanded(label: str, seed: bytes, size: int) -> bytes:
    data = b"PQ-L2-ZK/v1/xof/" + framed(label.encode()) + framed(seed)
    return hashlib.shake_256(data).digest(size)


def uniform(label: str, seed: bytes, count: int) -> Poly:
    found: Poly = []
    attempt = 0
    while len(found) < count:
        size = 8 * (count - len(found) + 8)
        data = expanded(f"{label}/{attempt}", seed, size)
        words = [int.from_bytes(data[at : at + 8], "little") % 2**54 for at in range(0, size, 8)]
        found += [word for word in words if word < Q]
        attempt += 1
    return found[:count]


def matrix(label: str, rows: int, columns: int) -> list[list[Poly]]:
    flat = uniform(label, SEED, rows * columns * N)
    polys = [flat[at : at + N] for at in range(0, len(flat), N)]
    return [polys[row * columns : (row + 1) * columns] for row in range(rows)]


# Polynomials modulo X^256 + 1 and q.

SLOT = 20  # bytes: 256 products of 54 + 54 bits fit


def mul(a: Poly, b: Poly) -> Poly:
    x, y = (
        int.from_bytes(b"".join((v % Q).to_bytes(SLOT, "little") for v in p), "little")
        for p in (a, b)
    )
    data = (x * y).to_bytes(2 * N * SLOT, "little")
    c = [int.from_bytes(data[k * SLOT : (k + 1) * SLOT], "little") for k in range(2 * N)]
    return [(c[k] - c[k + N]) % Q for k in range(N)]


def add(*polys: Poly) -> Poly:
    return [sum(column) % Q for column in zip(*polys, strict=True)]


def neg(a: Poly) -> Poly:
    return [-v % Q for v in a]


def scale(factor: int, a: Poly) -> Poly:
    return [factor * v % Q for v in a]


def sigma(a: Poly) -> Poly:
    return [a[0] % Q] + [-a[N - k] % Q for k in range(1, N)]


def dot(a: Sequence[Poly], b: Sequence[Poly]) -> Poly:
    return add([0] * N, *(mul(x, y) for x, y in zip(a, b, strict=True)))


ONE: Poly = [1] + [0] * (N - 1)


# Challenges.

VALUES = [
    [round(2 * math.cos(math.pi * (i * (2 * j + 1) % 512) / N) * 2**20) for j in range(N // 2)]
    for i in range(1, N // 2)
]


def half(data: bytes) -> Poly:
    keys = [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]
    places = sorted(range(len(keys)), key=lambda place: (keys[place], place))[:PAIRS]
    found = [0] * (N // 2 - 1)
    for place in places:
        found[place] = -1 if keys[place] & 1 else 1
    return found


def at_roots(chosen: Poly) -> Poly:
    used = [(sign, VALUES[place]) for place, sign in enumerate(chosen) if sign]
    return [sum(sign * row[j] for sign, row in used) for j in range(N // 2)]


def challenges(label: str, seed: bytes, count: int, joint: float | None) -> list[Poly]:
    attempt = 0
    while True:
        found: list[Poly] = []
        draw = 0
        while len(found) < count:
            one = half(expanded(f"{label}/{attempt}/{draw}", seed, 8 * (N // 2 - 1)))
            draw += 1
            if max(map(abs, at_roots(one))) <= 24 << 20:
                found.append(one)
        total = [sum(v * v for v in column) for column in zip(*map(at_roots, found), strict=True)]
        if count == 1 or joint is None or max(total) <= (Fraction(joint) * 2**20) ** 2:
            return [[0, *one, 0, *[-v for v in reversed(one)]] for one in found]
        attempt += 1


# Reading.


class Reader:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, size: int) -> bytes:
        need(self.at + size <= len(self.data), "truncated")
        self.at += size
        return self.data[self.at - size : self.at]

    def words(self, data: bytes, count: int, bits: int) -> Poly:
        number = int.from_bytes(data, "little")
        need(number >> (count * bits) == 0, "padding")
        mask = (1 << bits) - 1
        text = [0] * count
        for index in range(count):  # byte by byte: shifting the whole number would be quadratic
            first = index * bits // 8
            piece = int.from_bytes(data[first : first + bits // 8 + 2], "little")
            text[index] = piece >> (index * bits % 8) & mask
        return text

    def residues(self, rows: int, width: int = N) -> list[Poly]:
        count = rows * width
        flat = self.words(self.take(-(-count * 54 // 8)), count, 54)
        need(all(v < Q for v in flat), "residue")
        return [flat[at : at + width] for at in range(0, count, width)]

    def response(self, rows: int, variance: Fraction) -> list[Poly]:
        low = math.isqrt(math.floor(variance * 16 / 25)).bit_length() - 1
        count = rows * N
        data = self.take(int.from_bytes(self.take(4), "little"))
        head = -(-count * (low + 1) // 8)
        need(len(data) > head, "response")
        words = self.words(data[:head], count, low + 1)
        bits = "".join(f"{byte:08b}"[::-1] for byte in data[head:])
        flat: Poly = []
        at = 0
        for word in words:
            stop = bits.find("0", at)
            need(stop >= 0, "unary")
            size = (stop - at << low) + word % (1 << low)
            need(size > 0 or not word >> low, "negative zero")
            flat.append(-size if word >> low else size)
            at = stop + 1
        need(len(bits) - at < 8 and "1" not in bits[at:], "unary padding")
        return [flat[start : start + N] for start in range(0, count, N)]


# The verifier.


def verify(statement: Statement, commitment: bytes, proof: bytes) -> None:
    """Raise `RejectedError` unless the proof holds."""
    layers, blocks = statement.layers, statement.blocks
    widths = [-(-length // (blocks * N)) for length, _ in layers]
    m, count = sum(widths), len(layers)
    payload = m + KAPPA + LAM
    columns = payload + count + KAPPA + LAM
    rows1, rows2 = blocks + 3, (blocks + 1) * (blocks + 2) // 2
    rows = rows1 + rows2
    ms = KAPPA0 + rows + LAM0
    x2 = sum(b * b for _, b in layers) + Fraction(477, 100) ** 2 * (blocks + 1) * 16 * N
    var1 = (12 * Fraction(ETA[blocks])) ** 2 * x2
    var3 = 17**2 * 337 * x2
    var_s = Fraction(24 * 24) ** 2 * Fraction(106, 100) ** 2 * ms * N
    tag = cbor2.dumps(
        {
            "blocks": blocks,
            "layers": [list(layer) for layer in layers],
            "pairs": PAIRS,
            "q": Q,
            "ranks": [KAPPA, LAM, KAPPA0, LAM0],
            "ring": N,
        },
        canonical=True,
    )

    reader = Reader(commitment)
    need(reader.take(4) == b"PQC\x01", "magic of the commitment")
    flat = reader.residues(blocks * KAPPA)
    t = [flat[i * KAPPA : (i + 1) * KAPPA] for i in range(blocks)]
    need(reader.at == len(commitment), "end of the commitment")
    reader = Reader(proof)
    need(reader.take(36) == b"PQL\x02" + hashed("params", tag), "head of the proof")
    mh, tau4, tau5 = (reader.take(32) for _ in range(3))
    ta, t0, tb1 = (reader.residues(each) for each in (KAPPA, KAPPA0, rows1))
    h = [[0, *row] for row in reader.residues(3, N - 1)]
    tb2 = reader.residues(rows2)
    z3, z, zs = (reader.response(*e) for e in ((blocks, var3), (columns, var1), (ms, var_s)))
    need(reader.at == len(proof), "end of the proof")

    # V0
    def norm2(array: list[Poly]) -> int:
        return sum(v * v for row in array for v in row)

    def top(array: list[Poly]) -> int:
        return max(abs(v) for row in array for v in row)

    widened = 1 + Fraction(150_000, math.isqrt(blocks * 10**12))
    need(norm2(z3) <= widened**2 * var3 * 256 * blocks, "norm of z3")
    need(norm2(z) <= Fraction(105, 100) ** 2 * var1 * N * columns, "norm of z")
    need(top(z) ** 2 <= 14**2 * var1, "entries of z")
    need(norm2(zs) <= Fraction(107, 100) ** 2 * var_s * N * ms, "norm of zs")
    need(top(zs) ** 2 <= 14**2 * var_s, "entries of zs")

    # The transcript.
    pp = hashed("pp", SEED, tag)
    shift: list[list[Poly]] = []
    if statement.centre is not None:
        shift = placed(statement.centre, layers, blocks)
        pp = hashed("around", pp, hashed("centre", tag, shift))
    h1 = hashed("com", hashed("ctx", pp, cbor2.dumps(statement.context, canonical=True)), t, ta)
    tau1 = hashed("r1", h1, t0, tb1)
    tau2 = hashed("r2", tau1, z3)
    tau3 = hashed("r3", tau2, h)
    drawn = uniform("rho", tau2, 3 * (N + blocks + count))
    step = N + blocks + count
    rho = [drawn[k * step : k * step + N] for k in range(3)]
    theta = [drawn[k * step + N : k * step + N + blocks] for k in range(3)]
    mu = [drawn[k * step + N + blocks : (k + 1) * step] for k in range(3)]
    nu = [ONE, *challenges("nu", tau3, 2, None)]
    c = challenges("c", tau4, blocks, ETA[blocks])
    (c0,) = challenges("c0", tau5, 1, None)

    # V1
    a, s = matrix("A", KAPPA, m + LAM), matrix("S", KAPPA, count + LAM)
    if shift:
        t = [
            [add(t[i][k], neg(dot(a[k][:m], shift[i]))) for k in range(KAPPA)]
            for i in range(blocks)
        ]
    w = [
        add(
            dot(a[k], z[: m + LAM]),
            z[m + LAM + k],
            *(neg(mul(c[i], t[i][k])) for i in range(blocks)),
        )
        for k in range(KAPPA)
    ]
    tail = z[payload:]
    w += [
        add(dot(s[k], tail[: count + LAM]), tail[count + LAM + k], neg(mul(c[-1], ta[k])))
        for k in range(KAPPA)
    ]
    need(hashed("r4", tau3, tb2, w, mh) == tau4, "V1")

    # V2
    inner = [dot([sigma(form) for form in each], z) for each in forms(tau1, rho, columns)]
    linear = [mul(nu[k], inner[k]) for k in range(3)]
    norms = [add(*(scale(mu[k][n], nu[k]) for k in range(3))) for n in range(count)]
    v2 = [0] * N
    start = 0
    for n, width in enumerate(widths):
        part = [*z[start : start + width], z[payload + n]]
        v2 = add(v2, mul(norms[n], dot([sigma(p) for p in part], part)))
        start += width
    for i in range(blocks):
        v2 = add(v2, mul(c[i], add(*(scale(theta[k][i], linear[k]) for k in range(3)))))
    v1 = [0] * N
    for k in range(3):
        known = sum(mu[k][n] * bound**2 for n, (_, bound) in enumerate(layers))
        for i in range(blocks):
            known += theta[k][i] * sum(x * y for x, y in zip(rho[k], z3[i], strict=True))
        v1 = add(v1, mul(nu[k], [h[k][0] + known, *h[k][1:]]))

    # V3
    a0, b = matrix("A0", KAPPA0, rows + LAM0), matrix("B", rows, LAM0)
    row = [
        add(mul(c0, each), neg(zs[KAPPA0 + n]), neg(dot(b[n], zs[KAPPA0 + rows :])))
        for n, each in enumerate([*tb1, *tb2])
    ]
    w0 = [add(zs[n], dot(a0[n], zs[KAPPA0:]), neg(mul(c0, t0[n]))) for n in range(KAPPA0)]
    f1, f2 = neg(mul(c0, v1)), neg(mul(c0, v2))
    d, e = row[rows1 : rows1 + blocks], row[rows1 + blocks :]
    for i in range(blocks):
        weight = add(*(scale(theta[k][i], mul(nu[k], sigma(rho[k]))) for k in range(3)))
        f1 = add(f1, mul(weight, row[i]), d[i])
        f2 = add(f2, mul(mul(c[i], c[i]), d[i]))
    for k in range(3):
        f1 = add(f1, mul(nu[k], row[blocks + k]))
    for i in range(blocks):
        for j in range(i + 1, blocks):
            f2 = add(f2, mul(mul(c[i], c[j]), e.pop(0)))
    for i in range(blocks):
        f2 = add(f2, mul(c[i], e.pop(0)))
    f2 = add(f2, e.pop(0))
    need(hashed("r5", tau4, z, w0, f1, f2) == tau5, "V3")


def placed(
    values: Sequence[int], layers: Sequence[tuple[int, int]], blocks: int
) -> list[list[Poly]]:
    """Values in blocks of ring elements, each layer spread over all blocks."""
    found: list[list[Poly]] = [[] for _ in range(blocks)]
    start = 0
    for length, _ in layers:
        width = -(-length // (blocks * N))
        part = [int(v) for v in values[start : start + length]]
        part += [0] * (blocks * width * N - length)
        for i in range(blocks):
            for j in range(width):
                at = (i * width + j) * N
                found[i].append(part[at : at + N])
        start += length
    return found


def forms(tau1: bytes, rho: list[Poly], columns: int) -> list[list[Poly]]:
    """The vectors R'^T rho_k, as ring elements."""
    found: list[list[Poly]] = [[], [], []]
    for start in range(0, columns, 8):
        count = min(8, columns - start)
        data = expanded(f"R/{start}", tau1, count * N * 64)
        plus, minus = data[: len(data) // 2], data[len(data) // 2 :]
        for k in range(3):
            flat: Poly = []
            for column in range(count * N):
                p, q = (each[column * 32 : column * 32 + 32] for each in (plus, minus))
                flat.append((masked_sum(p, rho[k]) - masked_sum(q, rho[k])) % Q)
            found[k] += [flat[at : at + N] for at in range(0, len(flat), N)]
    return found


def masked_sum(plane: bytes, values: Poly) -> int:
    bits = "".join(f"{byte:08b}" for byte in plane)
    return sum(value for bit, value in zip(bits, values, strict=True) if bit == "1")
