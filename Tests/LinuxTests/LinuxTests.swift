// The tests of Linux.
