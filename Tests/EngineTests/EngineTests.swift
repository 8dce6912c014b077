// The tests of Engine.
