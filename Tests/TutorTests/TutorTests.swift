// The tests of Tutor.
