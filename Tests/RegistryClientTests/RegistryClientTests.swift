// The tests of RegistryClient.
