// The tests of ImageStore.
