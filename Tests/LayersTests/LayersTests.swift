// The tests of Layers.
