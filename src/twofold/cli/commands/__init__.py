"""One file per command; each holds one function named ``command``."""
