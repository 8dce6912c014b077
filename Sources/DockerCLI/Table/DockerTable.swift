extension CommandTable {
    private static let reads = DockerCommand.Needs(store: true)
    private static let changes = DockerCommand.Needs(store: true, identityMap: true)

    /// Docker's commands, as far as Drydock has them.
    static let docker = CommandTable(
        groups: [
            CommandGroup(name: "container", summary: "Manage containers"),
            CommandGroup(name: "image", summary: "Manage images"),
            CommandGroup(
                name: "manifest", summary: "Manage Docker image manifests and manifest lists",
                description: manifestDescription),
            CommandGroup(name: "system", summary: "Manage Docker"),
        ],
        commands: imageCommands + containerCommands + lifeCommands + manifestCommands + otherCommands,
        common: [
            "run", "exec", "ps", "build", "pull", "push", "images", "login", "logout", "search", "version", "info",
        ], missing: missingCommands)

    private static let missingCommands: [[String]] = [
        "build", "builder", "buildx", "checkpoint", "compose", "config", "context", "manifest annotate",
        "manifest create", "manifest push", "manifest rm", "network", "node", "plugin", "secret", "service", "stack",
        "swarm", "trust", "volume", "image build",
    ].map { $0.split(separator: " ").map(String.init) }

    private static let otherCommands: [CommandSpec] = [
        CommandSpec(
            "inspect", "[OPTIONS] NAME|ID [NAME|ID...]", "Return low-level information on Docker objects",
            flags: [
                Flags.inspectFormat, Flag("size", "s", "Display total file sizes if the type is container"),
                Flag(
                    "type", nil, .string, "Only inspect objects of the given type",
                    values: ["container", "image", "network", "volume"]),
            ], .atLeast(1), needs: reads, operands: [.container], action: InspectCommands.any),
        CommandSpec(
            "login", "[OPTIONS] [SERVER]", "Authenticate to a registry",
            description: "Authenticate to a registry.\nDefaults to Docker Hub if no server is specified.",
            flags: [
                Flag("password", "p", .string, "Password or Personal Access Token (PAT)"),
                Flag("password-stdin", "Take the Password or Personal Access Token (PAT) from stdin"),
                Flag("username", "u", .string, "Username"),
            ], .atMost(1), needs: reads, action: AccountCommands.login),
        CommandSpec(
            "logout", "[SERVER]", "Log out from a registry",
            description:
                "Log out from a registry.\nIf no server is specified, the default is defined by the daemon.",
            .atMost(1), needs: reads, action: AccountCommands.logout),
        CommandSpec(
            "search", "[OPTIONS] TERM", "Search Docker Hub for images",
            flags: [
                Flags.filter,
                Flag("format", nil, .string, "Pretty-print search using a Go template", values: ["table", "json"]),
                Flag("limit", nil, .int, "Max number of search results"), Flags.noTrunc,
            ], .exactly(1), needs: reads, action: TransferCommands.search),
        CommandSpec(
            "system info", aliases: ["info"], "[OPTIONS]", "Display system-wide information",
            flags: [Flags.inspectFormat], .none, needs: reads, action: SystemCommands.info),
        CommandSpec(
            "container export", aliases: ["export"], "[OPTIONS] CONTAINER",
            "Export a container's filesystem as a tar archive",
            flags: [Flag("output", "o", .string, "Write to a file, instead of STDOUT", names: .file)], .exactly(1),
            needs: changes, operands: [.container], action: ArchiveCommands.export),
        CommandSpec(
            "system df", "[OPTIONS]", "Show docker disk usage",
            flags: [Flags.listFormat, Flag("verbose", "v", "Show detailed information on space usage")], .none,
            needs: changes, action: SystemUsageCommands.usage),
        CommandSpec(
            "system prune", "[OPTIONS]", "Remove unused data",
            flags: [
                Flag("all", "a", "Remove all unused images not just dangling ones"),
                Flags.pruneFilter("label=<key>=<value>"), Flags.force,
                Flag("volumes", "Prune anonymous volumes"),
            ], .none, needs: changes, action: SystemUsageCommands.prune),
        CommandSpec(
            "version", "[OPTIONS]", "Show the Docker version information", flags: [Flags.inspectFormat], .none,
            needs: reads, action: SystemCommands.version),
    ]
}
