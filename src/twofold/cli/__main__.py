"""``python -m twofold.cli``: the same as the installed ``twofold``."""

from twofold.cli import main

main()
