// The tests of Explain.
