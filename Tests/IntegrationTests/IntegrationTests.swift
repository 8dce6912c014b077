// The Integration tests.
