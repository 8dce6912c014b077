// The tests of Lessons.
