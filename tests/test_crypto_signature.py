import gzip
import json
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.algorithm import ML_DSA
from crypto.errors import ProviderError, SignatureError
from crypto.providers.choice import VARIABLE, choose
from crypto.signature import (
    CONTEXT_SIZE_MAX,
    Algorithm,
    PrivateKey,
    PublicKey,
    parse_public_key,
    private_key,
    providers,
    sign,
    verify,
)

ROOT = Path(__file__).parents[1]
VECTORS = ROOT.parent / "shared" / "vectors" / "wycheproof"
SEED = bytes(range(32))
MESSAGE = b"a candidate"
CONTEXT = b"tclearn/test/v1"

STATUS = {status.name: status for status in providers()}

# Every provider with every algorithm that it should do; those that are absent are skipped.
PAIRS = [
    pytest.param(
        name,
        algorithm,
        id=f"{name}-{algorithm}",
        marks=pytest.mark.skipif(not STATUS[name].available, reason=STATUS[name].reason),
    )
    for name in STATUS
    for algorithm in ((Algorithm.ED25519,) if name == "sodium" else ML_DSA)
]
ML_DSA_PAIRS = [pair for pair in PAIRS if pair.values[0] != "sodium"]

each_provider = pytest.mark.parametrize(("provider", "algorithm"), PAIRS)
each_ml_dsa_provider = pytest.mark.parametrize(("provider", "algorithm"), ML_DSA_PAIRS)
each_ml_dsa = pytest.mark.parametrize("algorithm", ML_DSA)

needs_liboqs = pytest.mark.skipif(
    not STATUS["liboqs"].available, reason=STATUS["liboqs"].reason or "liboqs is there"
)
needs_vectors = pytest.mark.skipif(
    not VECTORS.is_dir(), reason=f"the published vectors are not in {VECTORS}"
)


@cache
def key_of(provider: str, algorithm: Algorithm, seed: bytes = SEED) -> PrivateKey:
    return private_key(algorithm, seed, provider)


@cache
def wycheproof(algorithm: Algorithm, kind: str) -> list[tuple[Any, Any]]:
    """The published cases of one kind, each with its group."""
    name = f"{algorithm.lower().replace('ml-dsa-', 'mldsa_')}_{kind}_test.json.gz"
    file = json.loads(gzip.decompress((VECTORS / name).read_bytes()))
    cases = [(group, case) for group in file["testGroups"] for case in group["tests"]]
    assert len(cases) == file["numberOfTests"]
    return cases


def verdict(provider: str, key: PublicKey, case: Any) -> str:
    signature, message = bytes.fromhex(case["sig"]), bytes.fromhex(case["msg"])
    try:
        verify(key, signature, message, bytes.fromhex(case.get("ctx", "")), provider)
    except SignatureError:
        return "invalid"
    return "valid"


def program(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program of its own that has our packages and no warnings to give."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@needs_vectors
@each_ml_dsa_provider
def test_the_published_signatures_verify_where_they_should(
    provider: str, algorithm: Algorithm
) -> None:
    for group, case in wycheproof(algorithm, "verify"):
        try:
            key = PublicKey(algorithm, bytes.fromhex(group["publicKey"]))
        except SignatureError:
            assert "IncorrectPublicKeyLength" in case["flags"]
            assert case["result"] == "invalid"
        else:
            assert verdict(provider, key, case) == case["result"], case["comment"]


@needs_vectors
@pytest.mark.parametrize(  # none are published for ML-DSA-87
    ("provider", "algorithm"),
    [pair for pair in ML_DSA_PAIRS if pair.values[1] != Algorithm.ML_DSA_87],
)
def test_the_published_seeds_make_the_published_keys_whose_signatures_verify(
    provider: str, algorithm: Algorithm
) -> None:
    for group, case in wycheproof(algorithm, "sign_seed"):
        seed = bytes.fromhex(group["privateSeed"])
        if "IncorrectPrivateKeyLength" in case["flags"]:
            with pytest.raises(SignatureError, match="seed: expected 32 bytes"):
                private_key(algorithm, seed, provider)
            continue
        key = key_of(provider, algorithm, seed)
        assert key.public_key.raw.hex() == group["publicKey"]
        if "InvalidContext" in case["flags"]:
            with pytest.raises(SignatureError, match="context of at most 255 bytes"):
                sign(key, bytes.fromhex(case["msg"]), bytes.fromhex(case["ctx"]))
        elif "Internal" not in case["flags"]:  # those sign mu, which has no message
            assert verdict(provider, key.public_key, case) == case["result"], case["comment"]


@needs_vectors
@each_ml_dsa_provider
def test_signatures_under_the_published_zero_keys_are_valid_by_fips_204(
    provider: str, algorithm: Algorithm
) -> None:
    zero = [
        (group, case)
        for group, case in wycheproof(algorithm, "verify")
        if case["comment"] == "public key with t1 component set to zero"
    ]
    assert len(zero) == 1
    ((group, case),) = zero
    key = PublicKey(algorithm, bytes.fromhex(group["publicKey"]))
    assert set(key.raw[32:]) == {0}
    assert verdict(provider, key, case) == "valid"


@each_provider
def test_a_signature_verifies_with_its_message_and_context(
    provider: str, algorithm: Algorithm
) -> None:
    key = key_of(provider, algorithm)
    for message in (b"", MESSAGE, bytes(100_000)):
        for context in (None, b"", b"\0", CONTEXT, bytes(CONTEXT_SIZE_MAX)):
            signature = sign(key, message, context)
            assert len(signature) == algorithm.signature_size
            verify(key.public_key, signature, message, context, provider)


@each_provider
def test_nothing_else_verifies(provider: str, algorithm: Algorithm) -> None:
    key = key_of(provider, algorithm)
    stranger = key_of(provider, algorithm, bytes(32)).public_key
    signature = sign(key, MESSAGE, CONTEXT)
    for public_key, message, context in [
        (key.public_key, MESSAGE, b"tclearn/test/v2"),
        (key.public_key, MESSAGE, b""),
        (key.public_key, MESSAGE, None),
        (key.public_key, MESSAGE + b"\0", CONTEXT),
        (key.public_key, b"", CONTEXT),
        (key.public_key, CONTEXT + MESSAGE, b""),
        (stranger, MESSAGE, CONTEXT),
    ]:
        with pytest.raises(SignatureError, match="found one that does not verify"):
            verify(public_key, signature, message, context, provider)


@settings(deadline=None, max_examples=60)
@given(st.integers(0), st.sampled_from(PAIRS))
def test_a_flipped_bit_in_a_signature_does_not_verify(bit: int, pair: Any) -> None:
    provider, algorithm = pair.values
    if not STATUS[provider].available:
        return
    key = key_of(provider, algorithm)
    signature = bytearray(sign(key, MESSAGE, CONTEXT))
    at = bit % (8 * len(signature))
    signature[at // 8] ^= 1 << at % 8
    with pytest.raises(SignatureError, match="does not verify"):
        verify(key.public_key, bytes(signature), MESSAGE, CONTEXT, provider)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=40), st.sampled_from(PAIRS), st.booleans())
def test_arbitrary_bytes_are_a_signature_error_and_nothing_else(
    noise: bytes, pair: Any, long: bool
) -> None:
    provider, algorithm = pair.values
    if not STATUS[provider].available:
        return
    fill = noise or b"\0"
    size = algorithm.signature_size if long else len(noise)
    key_size = algorithm.public_key_size
    signature = (fill * size)[:size]
    for raw in (key_of(provider, algorithm).public_key.raw, (fill * key_size)[:key_size]):
        with pytest.raises(SignatureError):
            verify(PublicKey(algorithm, raw), signature, noise, noise, provider)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_lengths_are_named_where_they_are_wrong(algorithm: Algorithm) -> None:
    size = algorithm.signature_size
    key = private_key(algorithm, SEED)
    for length in (0, size - 1, size + 1):
        expected = f"{algorithm} signature: expected {size} bytes, found {length}"
        with pytest.raises(SignatureError, match=expected):
            verify(key.public_key, bytes(length), MESSAGE)
    for length in (0, algorithm.public_key_size - 1, algorithm.public_key_size + 1):
        with pytest.raises(SignatureError, match=f"{algorithm} public key: expected"):
            PublicKey(algorithm, bytes(length))
    with pytest.raises(SignatureError, match="seed: expected 32 bytes, found 31"):
        private_key(algorithm, SEED[1:])
    with pytest.raises(SignatureError, match="at most 255 bytes, found 256"):
        sign(key, MESSAGE, bytes(256))
    with pytest.raises(SignatureError, match="at most 255 bytes, found 256"):
        verify(key.public_key, bytes(size), MESSAGE, bytes(256))


def test_a_public_key_is_read_from_the_name_of_its_algorithm() -> None:
    key = private_key(Algorithm.ED25519, SEED).public_key
    assert parse_public_key("Ed25519", key.raw) == key
    with pytest.raises(SignatureError, match=r"expected one of ML-DSA-44, .*found 'RSA'"):
        parse_public_key("RSA", key.raw)
    with pytest.raises(SignatureError, match="expected 1952 bytes, found 32"):
        parse_public_key("ML-DSA-65", key.raw)


@each_ml_dsa_provider
def test_ml_dsa_signatures_are_randomised(provider: str, algorithm: Algorithm) -> None:
    key = key_of(provider, algorithm)
    assert sign(key, MESSAGE) != sign(key, MESSAGE)


@each_ml_dsa_provider
def test_for_ml_dsa_no_context_is_the_empty_one(provider: str, algorithm: Algorithm) -> None:
    key = key_of(provider, algorithm)
    verify(key.public_key, sign(key, MESSAGE, None), MESSAGE, b"", provider)
    verify(key.public_key, sign(key, MESSAGE, b""), MESSAGE, None, provider)


def test_ed25519_without_context_is_rfc_8032() -> None:
    # RFC 8032, section 7.1, test 2.
    seed = bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    raw = bytes.fromhex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
    signature = bytes.fromhex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    key = private_key(Algorithm.ED25519, seed)
    assert key.public_key.raw == raw
    assert sign(key, b"\x72", None) == signature
    verify(key.public_key, signature, b"\x72", None)
    with pytest.raises(SignatureError, match="does not verify"):
        verify(key.public_key, signature, b"\x72", b"")


def test_ed25519_binds_a_context_as_fips_204_does() -> None:
    key = private_key(Algorithm.ED25519, SEED)
    bound = b"\0" + len(CONTEXT).to_bytes(1) + CONTEXT + MESSAGE
    assert sign(key, MESSAGE, CONTEXT) == sign(key, bound, None)
    assert sign(key, MESSAGE) == sign(key, b"\0\0" + MESSAGE, None)


@pytest.mark.parametrize("raw", [bytes(32), b"\1" + bytes(31), b"\xff" * 32])
def test_ed25519_keys_of_small_order_verify_nothing(raw: bytes) -> None:
    # With A of small order, R = A and S = 0 pass the equation of RFC 8032 for one message in eight.
    for n in range(32):
        with pytest.raises(SignatureError, match="does not verify"):
            verify(PublicKey(Algorithm.ED25519, raw), raw + bytes(32), n.to_bytes(1), None)


@needs_liboqs
@each_ml_dsa
def test_both_providers_make_the_same_key_pair(algorithm: Algorithm) -> None:
    for seed in (SEED, bytes(32), b"\xff" * 32):
        by_liboqs = key_of("liboqs", algorithm, seed)
        by_openssl = key_of("openssl", algorithm, seed)
        assert by_liboqs.public_key == by_openssl.public_key
        assert (by_liboqs.provider, by_openssl.provider) == ("liboqs", "openssl")


@needs_liboqs
@each_ml_dsa
def test_each_provider_verifies_what_the_other_signed(algorithm: Algorithm) -> None:
    for signer, verifier in (("liboqs", "openssl"), ("openssl", "liboqs")):
        key = key_of(signer, algorithm)
        verify(key.public_key, sign(key, MESSAGE, CONTEXT), MESSAGE, CONTEXT, verifier)


@needs_liboqs
def test_two_keys_of_liboqs_do_not_mix() -> None:
    first, second = (key_of("liboqs", Algorithm.ML_DSA_65, bytes([n]) * 32) for n in (1, 2))
    for key in (first, second, first):
        verify(key.public_key, sign(key, MESSAGE), MESSAGE, provider="openssl")


@needs_liboqs
def test_liboqs_returns_to_random_bytes_after_a_key() -> None:
    import oqs.rand

    draws = set()
    for _ in range(4):
        private_key(Algorithm.ML_DSA_65, SEED, "liboqs")
        draws.add(oqs.rand.randombytes(32))
    assert len(draws) == 4
    assert SEED not in draws


@needs_liboqs
def test_liboqs_refuses_a_key_generation_that_does_not_take_the_seed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    provider: Any = choose(Algorithm.ML_DSA_65, "liboqs")
    signature = provider._signatures[Algorithm.ML_DSA_65]
    generate = type(signature).generate_keypair

    def twice(self: Any) -> bytes:
        generate(self)
        public_key: bytes = generate(self)
        return public_key

    monkeypatch.setattr(type(signature), "generate_keypair", twice)
    with pytest.raises(ProviderError, match=r"ask once for 32 random bytes, .* \[32, 32\]"):
        private_key(Algorithm.ML_DSA_65, SEED, "liboqs")
    with pytest.raises(ProviderError, match="ask once"):
        type(provider)(sys.modules["oqs"])  # the self-test of a provider that is loaded


@each_provider
def test_keys_are_made_used_and_verified_from_several_threads(
    provider: str, algorithm: Algorithm
) -> None:
    def work(n: int) -> bytes:
        seed = bytes([n % 4]) * 32
        key = private_key(algorithm, seed, provider)
        message = n.to_bytes(2)
        signature = sign(key, message, CONTEXT)
        verify(key.public_key, signature, message, CONTEXT, provider)
        with pytest.raises(SignatureError, match="does not verify"):
            verify(key.public_key, signature, message + b"!", CONTEXT, provider)
        return key.public_key.raw

    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(work, range(48)))
    assert len(set(keys)) == 4
    assert all(keys[n] == keys[n % 4] for n in range(48))


def test_a_private_key_shows_no_secret() -> None:
    for algorithm in Algorithm:
        key = private_key(algorithm, SEED)
        for text in (repr(key), str(key), f"{key}"):
            assert SEED.hex() not in text
            assert repr(SEED)[2:-1] not in text
            assert key.public_key.fingerprint in text


def test_private_keys_of_one_seed_are_equal() -> None:
    assert private_key(Algorithm.ED25519, SEED) == private_key(Algorithm.ED25519, SEED)
    assert private_key(Algorithm.ED25519, SEED) != private_key(Algorithm.ED25519, bytes(32))


def test_the_environment_chooses_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "openssl")
    assert private_key(Algorithm.ML_DSA_65, SEED).provider == "openssl"
    assert private_key(Algorithm.ED25519, SEED).provider == "sodium"
    for automatic in ("auto", None):
        if automatic is None:
            monkeypatch.delenv(VARIABLE)
        else:
            monkeypatch.setenv(VARIABLE, automatic)
        expected = "liboqs" if STATUS["liboqs"].available else "openssl"
        assert private_key(Algorithm.ML_DSA_65, SEED).provider == expected


@pytest.mark.parametrize("wish", ["", "OpenSSL", "sodium", "liboqs,openssl"])
def test_an_unknown_choice_is_one_clear_sentence(
    monkeypatch: pytest.MonkeyPatch, wish: str
) -> None:
    monkeypatch.setenv(VARIABLE, wish)
    expected = f"^{VARIABLE}: expected one of auto, liboqs, openssl, found {wish!r}$"
    with pytest.raises(ProviderError, match=expected):
        private_key(Algorithm.ML_DSA_65, SEED)


def test_a_provider_does_only_its_own_algorithms() -> None:
    with pytest.raises(ProviderError, match=r"^openssl .* does not do Ed25519$"):
        private_key(Algorithm.ED25519, SEED, "openssl")
    with pytest.raises(ProviderError, match=r"^sodium .* does not do ML-DSA-65$"):
        private_key(Algorithm.ML_DSA_65, SEED, "sodium")
    with pytest.raises(ProviderError, match="expected a provider of liboqs, openssl, sodium"):
        private_key(Algorithm.ML_DSA_65, SEED, "botan")


def test_the_status_of_a_provider_says_what_it_does_or_how_to_get_it() -> None:
    assert list(STATUS) == ["liboqs", "openssl", "sodium"]
    assert STATUS["openssl"].algorithms == ML_DSA
    assert STATUS["sodium"].algorithms == (Algorithm.ED25519,)
    for status in STATUS.values():
        assert bool(status.version) == bool(status.algorithms) == status.available
        assert bool(status.reason) != status.available


def test_without_liboqs_openssl_is_chosen_and_the_status_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ctypes.util.find_library", lambda _name: None)
    monkeypatch.setenv("OQS_INSTALL_PATH", str(tmp_path))
    monkeypatch.delenv(VARIABLE, raising=False)
    assert private_key(Algorithm.ML_DSA_65, SEED).provider == "openssl"
    status, *_ = providers()
    assert (status.name, status.available, status.algorithms) == ("liboqs", False, ())
    assert f"no shared library in {tmp_path}" in status.reason
    assert "OQS_INSTALL_PATH" in status.reason
    monkeypatch.setenv(VARIABLE, "liboqs")
    with pytest.raises(ProviderError, match=r"^liboqs is not available: no shared library in"):
        private_key(Algorithm.ML_DSA_65, SEED)


def test_a_library_that_does_not_load_is_not_liboqs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("ctypes.util.find_library", lambda _name: None)
    for folder in ("lib", "lib64"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "liboqs.so").write_bytes(b"not a library")
    monkeypatch.setenv("OQS_INSTALL_PATH", str(tmp_path))
    with pytest.raises(ProviderError, match="liboqs is not available"):
        private_key(Algorithm.ML_DSA_65, SEED, "liboqs")


def test_liboqs_python_never_gets_to_download_anything(tmp_path: Path) -> None:
    code = (
        "import ctypes.util, pathlib, pkgutil, sys\n"
        "ctypes.util.find_library = lambda name: None\n"
        "import crypto, crypto.signature\n"
        "for module in pkgutil.iter_modules(crypto.__path__): __import__(f'crypto.{module.name}')\n"
        "statuses = crypto.signature.providers()\n"
        "assert not statuses[0].available, statuses\n"
        "assert not any(name == 'oqs' or name.startswith('oqs.') for name in sys.modules)\n"
    )
    empty = str(tmp_path)
    done = program(code, OQS_INSTALL_PATH=empty, HOME=empty)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


@needs_liboqs
def test_loading_liboqs_prints_and_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    code = (
        "import logging, sys\n"
        "logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)\n"
        "from crypto.signature import *\n"
        "assert providers()[0].available\n"
        "assert 'oqs' in sys.modules\n"
    )
    done = program(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    with caplog.at_level(logging.DEBUG):
        assert providers()[0].available
    assert caplog.records == []


def test_no_library_is_loaded_before_a_key_is_used() -> None:
    code = (
        "import crypto.encoding, crypto.digest, crypto.merkle, crypto.identity, crypto.envelope\n"
        "import crypto.possession, crypto.signature, crypto.tensors, sys\n"
        "heavy = {'cryptography', 'nacl', 'numpy', 'oqs', 'torch', 'tenseal', 'simpy', 'pandas'}\n"
        "print(*sorted(heavy & {name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = program(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")
