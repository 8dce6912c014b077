// RegistryClient
