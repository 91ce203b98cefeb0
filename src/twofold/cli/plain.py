"""Text that cannot drive a terminal."""

from __future__ import annotations


def printable(text: str) -> str:
    """Text without control characters, which could otherwise drive the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else f"\\x{ord(char):02x}" for char in text)
