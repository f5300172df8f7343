"""ML-DSA by liboqs, through liboqs-python: optional, and several times faster at verifying.

``import oqs`` clones and builds liboqs when it does not find the shared library, counts down five
seconds on stdout and may raise SystemExit. So it is imported here only, by ``load``, and only after
a library that it will find was loaded with ctypes.

liboqs can make a key pair only from its random number generator. A key pair of a given seed is made
by serving the seed as the random bytes: key generation asks exactly once, for the 32 bytes of xi
(FIPS 204, algorithm 1). That is checked at every key, and at load against known answers.

Verifying holds no lock and no state, so that threads verify in parallel. Making keys and signing
share one lock: signing draws its hedge (FIPS 204, algorithm 2, line 5) from the generator that
making a key replaces.
"""

import contextlib
import ctypes
import ctypes.util
import hashlib
import io
import logging
import os
import platform
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from ..algorithm import ML_DSA, SEED_SIZE, Algorithm
from ..errors import ProviderError
from .interface import Sign, Verify

_REMEDY: Final = (
    "build it from https://github.com/open-quantum-safe/liboqs with -DBUILD_SHARED_LIBS=ON and "
    "install it to ~/_oqs, or point OQS_INSTALL_PATH to where it is"
)

# The self-test: SHA-256 of the public key of the seed 00 01 .. 1f, made by OpenSSL.
_TEST_SEED: Final = bytes(range(SEED_SIZE))
_TEST_DIGESTS: Final = {
    Algorithm.ML_DSA_44: "9f107644c1084526af3bc8098680b05499a2325a644e388fb4f970e058d19d46",
    Algorithm.ML_DSA_65: "d666806e11cee19a7c989f7445f90dd419cf4d2d51db8c0fdb4c0f0a542238c9",
    Algorithm.ML_DSA_87: "91dc389cfaa01470b7f66eee45a4ae9026d154817c754dfe22298b3fa241ffcd",
}

# void (uint8_t *random_array, size_t bytes_to_read), oqs/rand.h
_RandomBytes: Final = ctypes.CFUNCTYPE(None, ctypes.POINTER(ctypes.c_uint8), ctypes.c_size_t)

# The random number generator of liboqs is one for the whole process, and so is its lock.
_GENERATOR: Final = threading.Lock()
_LOADING: Final = threading.Lock()


class Liboqs:
    """The provider ``liboqs``."""

    name: Final = "liboqs"

    def __init__(self, oqs: Any) -> None:
        self.version = f"liboqs {oqs.oqs_version()}, liboqs-python {oqs.oqs_python_version()}"
        self._native = oqs.native()
        # One object for each algorithm, made once: liboqs-python never frees the ones it forgets.
        self._signatures = {
            algorithm: oqs.Signature(algorithm.value)
            for algorithm in ML_DSA
            if oqs.is_sig_enabled(algorithm.value) and oqs.sig_supports_context(algorithm.value)
        }
        self.algorithms = frozenset(self._signatures)
        if not self.algorithms:
            raise ProviderError(f"{self.version} has no ML-DSA with contexts: {_REMEDY}")
        self._seed = b""
        self._seeded_thread: int | None = None
        self._requests: list[int] = []
        self._callback = _RandomBytes(self._random_bytes)  # liboqs keeps no reference to it
        self._self_test()

    def signer(self, algorithm: Algorithm, seed: bytes) -> tuple[bytes, Sign]:
        """Make the key pair of a seed; return the public key and a way to sign.

        Raises:
            ProviderError: Key generation did not take the seed.
        """
        signature = self._signatures[algorithm]
        with _GENERATOR, self._random_from(seed) as requests:
            public_key: bytes = signature.generate_keypair()
            secret_key = signature.secret_key
        if requests != [SEED_SIZE]:
            raise ProviderError(
                f"{self.version}: expected key generation to ask once for {SEED_SIZE} random "
                f"bytes, it asked for {requests}; use openssl"
            )

        def sign(message: bytes, context: bytes | None) -> bytes:
            with _GENERATOR:
                signature.secret_key = secret_key
                signed: bytes = signature.sign_with_ctx_str(message, context or b"")
            return signed

        return public_key, sign

    def verifier(self, algorithm: Algorithm, public_key: bytes) -> Verify:
        """Load a public key; return a way to verify."""
        signature = self._signatures[algorithm]

        def verify(signed: bytes, message: bytes, context: bytes | None) -> bool:
            return bool(signature.verify_with_ctx_str(message, signed, context or b"", public_key))

        return verify

    @contextlib.contextmanager
    def _random_from(self, seed: bytes) -> Iterator[list[int]]:
        """Serve a seed as the random bytes of this thread while the block runs.

        Yields:
            The sizes that were asked for, filled while the block runs.
        """
        requests: list[int] = []
        self._seed, self._requests = seed, requests
        self._seeded_thread = threading.get_ident()
        self._native.OQS_randombytes_custom_algorithm(self._callback)
        try:
            yield requests
        finally:
            restored = self._native.OQS_randombytes_switch_algorithm(b"system")
            self._seed, self._seeded_thread = b"", None
        if restored != 0:
            raise ProviderError(f"{self.version} did not return to the random bytes of the system")

    def _random_bytes(self, target: Any, size: int) -> None:
        """Answer liboqs: the seed where it is due, bytes of the system everywhere else.

        A callback cannot raise, so what was asked is noted and judged afterwards.
        """
        answer = os.urandom(size)
        if threading.get_ident() == self._seeded_thread:
            if not self._requests and size == len(self._seed):
                answer = self._seed
            self._requests.append(size)
        ctypes.memmove(target, answer, size)

    def _self_test(self) -> None:
        for algorithm in self.algorithms:
            public_key, _ = self.signer(algorithm, _TEST_SEED)
            if hashlib.sha256(public_key).hexdigest() != _TEST_DIGESTS[algorithm]:
                raise ProviderError(
                    f"{self.version} does not make the {algorithm} key pair that FIPS 204 defines "
                    "for a seed; use openssl"
                )


def load(install_path: str | None) -> Liboqs:
    """Load liboqs where it is installed; never build it.

    Args:
        install_path: What OQS_INSTALL_PATH says, None where it is not set.

    Raises:
        ProviderError: There is no usable liboqs; says why, and how to get one.
    """
    # As oqs.oqs._load_liboqs has it; RuntimeError where a user has no home.
    try:
        folder = Path.home() / "_oqs" if install_path is None else Path(install_path)
    except RuntimeError as error:
        raise ProviderError(f"nowhere to look for liboqs ({error}): {_REMEDY}") from None
    if not _is_installed(folder):
        raise ProviderError(f"no shared library in {folder} or the system's: {_REMEDY}")
    # liboqs-python logs to stdout, which is not its own, and warns where its version is not that
    # of the library; the self-test says whether the two work together.
    logging.getLogger("oqs.oqs").disabled = True
    try:
        with _LOADING, contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import oqs

            return Liboqs(oqs)
    except ProviderError:
        raise
    except (Exception, SystemExit) as error:
        raise ProviderError(
            f"liboqs-python does not work with the liboqs it finds ({error!r}): {_REMEDY}"
        ) from None


def _is_installed(folder: Path) -> bool:
    """Return whether ``import oqs`` will find a library that loads.

    The same places as ``oqs.oqs._load_liboqs``; in another order, because asking the system takes
    tens of milliseconds and only whether one loads matters here.
    """
    system = platform.system()
    folders = (folder / "bin",) if system == "Windows" else (folder / "lib", folder / "lib64")
    names = {"Darwin": ("liboqs.dylib",), "Windows": ("oqs.dll", "liboqs.dll")}
    files = [where / name for where in folders for name in names.get(system, ("liboqs.so",))]
    return any(_loads(str(file.absolute())) for file in files if file.exists()) or any(
        _loads(found) for name in ("oqs", "liboqs") if (found := ctypes.util.find_library(name))
    )


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
