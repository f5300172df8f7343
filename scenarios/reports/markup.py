"""HTML from values: whatever is a plain text is escaped, and only this module makes markup."""

from html import escape
from typing import Final, TypeAlias

_VOID: Final = frozenset({"input", "meta", "br", "hr", "col"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


Part: TypeAlias = "str | Markup | None"
"""Plain text, markup, or nothing."""


def tag(name: str, /, *parts: Part, **attributes: str | bool | None) -> Markup:
    """An element with what stands in it.

    Args:
        name: The element.
        parts: Markup as it is, texts escaped, None left out.
        attributes: Names with ``_`` for ``-`` (``class_``, ``aria_label``); False and None are left
            out, True stands without a value.
    """
    said = "".join(
        f" {_name(key)}" if value is True else f' {_name(key)}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{said}>")
    return Markup(f"<{name}{said}>{join(*parts)}</{name}>")


def join(*parts: Part) -> Markup:
    """Parts after each other."""
    return Markup(
        "".join(part if isinstance(part, Markup) else escape(part) for part in parts if part)
    )


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")
