// The tests of DockerCLI.
