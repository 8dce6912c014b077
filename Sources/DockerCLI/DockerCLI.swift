// DockerCLI
