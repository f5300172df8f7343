"""Which library signs and verifies: the only reader of the environment in ``crypto``.

``TCLEARN_SIGNATURES`` is ``auto`` (liboqs where it is found, else openssl; the default), ``liboqs``
or ``openssl``. It chooses for ML-DSA; Ed25519 is always libsodium's. ``OQS_INSTALL_PATH`` is
liboqs-python's own: the folder of an installation of liboqs, ``~/_oqs`` where it is not set.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ..algorithm import ML_DSA, Algorithm
from ..errors import ProviderError
from .interface import Provider

VARIABLE: Final = "TCLEARN_SIGNATURES"
"""The environment variable that chooses the provider of ML-DSA."""

LOADED_MAX: Final = 16
"""How many outcomes of loading a library are remembered."""

_AUTO: Final = "auto"


@dataclass(frozen=True, slots=True)
class ProviderStatus:
    """What can be said of one provider on this machine."""

    name: str
    """The name by which a user asks for it."""
    available: bool
    """Whether it can be used here."""
    version: str
    """Versions of the library and of its Python binding; empty where it is not available."""
    algorithms: tuple[Algorithm, ...]
    """What it can do here, in the order of ``Algorithm``."""
    reason: str
    """Why it is not available and how to get it; empty where it is available."""


def choose(algorithm: Algorithm, name: str | None = None) -> Provider:
    """Return the provider for an algorithm.

    Args:
        algorithm: What it has to do.
        name: A provider by name; None for the choice of the environment.

    Raises:
        ProviderError: It is unknown, not available, or does not do this algorithm.
    """
    if name is None:
        names = _candidates(algorithm)
    elif name in _LOADERS:
        names = (name,)
    else:
        raise ProviderError(f"expected a provider of {', '.join(_LOADERS)}, found {name!r}")
    reasons = []
    for candidate in names:
        provider = _load(candidate)
        if isinstance(provider, str):
            reasons.append(f"{candidate} is not available: {provider}")
        elif algorithm in provider.algorithms:
            return provider
        else:
            reasons.append(f"{candidate} ({provider.version}) does not do {algorithm}")
    raise ProviderError("; ".join(reasons))


def providers() -> tuple[ProviderStatus, ...]:
    """Return the status of every provider; loads those that are installed, installs nothing."""
    return tuple(_status(name) for name in _LOADERS)


def _status(name: str) -> ProviderStatus:
    provider = _load(name)
    if isinstance(provider, str):
        return ProviderStatus(name, available=False, version="", algorithms=(), reason=provider)
    algorithms = tuple(algorithm for algorithm in Algorithm if algorithm in provider.algorithms)
    return ProviderStatus(name, True, provider.version, algorithms, reason="")


def _candidates(algorithm: Algorithm) -> tuple[str, ...]:
    """Return the names to try in turn, by the environment."""
    wish = os.environ.get(VARIABLE, _AUTO)
    if wish != _AUTO and wish not in _ML_DSA_PROVIDERS:
        expected = ", ".join((_AUTO, *_ML_DSA_PROVIDERS))
        raise ProviderError(f"{VARIABLE}: expected one of {expected}, found {wish!r}")
    if algorithm not in ML_DSA:
        return ("sodium",)
    return _ML_DSA_PROVIDERS if wish == _AUTO else (wish,)


def _load(name: str) -> Provider | str:
    """Return a provider, or the reason why it cannot be used."""
    return _load_once(name, os.environ.get("OQS_INSTALL_PATH"))


@lru_cache(LOADED_MAX)
def _load_once(name: str, liboqs_path: str | None) -> Provider | str:
    try:
        return _LOADERS[name](liboqs_path)
    except ImportError as error:
        return f"{error}: install tclearn again with its dependencies"
    except ProviderError as error:
        return str(error)


# Each loader imports its module, and with it the library, when it is called.


def _load_liboqs(liboqs_path: str | None) -> Provider:
    from . import liboqs

    return liboqs.load(liboqs_path)


def _load_openssl(_liboqs_path: str | None) -> Provider:
    from .openssl import OpenSSL

    return OpenSSL()


def _load_sodium(_liboqs_path: str | None) -> Provider:
    from .sodium import Sodium

    return Sodium()


_LOADERS: Final[dict[str, Callable[[str | None], Provider]]] = {
    "liboqs": _load_liboqs,
    "openssl": _load_openssl,
    "sodium": _load_sodium,
}
_ML_DSA_PROVIDERS: Final = ("liboqs", "openssl")  # the fastest first
