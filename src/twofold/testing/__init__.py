"""What an application's tests need: given/when/then, an in-memory app, the conformance suites."""
