"""One file per claim about speed, and the harness that measures each beside the raw driver and beside a peer."""
