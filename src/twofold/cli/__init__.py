"""The command line: one file per command under ``commands``, each imported only when it is called."""

from twofold.cli.root import main

__all__ = ["main"]
