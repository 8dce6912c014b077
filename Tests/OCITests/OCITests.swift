// The tests of OCI.
