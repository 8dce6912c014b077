// The Architecture tests.
