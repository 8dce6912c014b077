extension CommandTable {
    private static let reads = DockerCommand.Needs(store: true)
    private static let changes = DockerCommand.Needs(store: true, identityMap: true)
    private static let many = "CONTAINER [CONTAINER...]"

    static let containerCommands: [CommandSpec] =
        startingCommands + [
            CommandSpec(
                "container commit", aliases: ["commit"], "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
                "Create a new image from a container's changes",
                flags: [
                    Flag("author", "a", .string, "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")"),
                    Flag("change", "c", .list, "Apply Dockerfile instruction to the created image"),
                    Flag("message", "m", .string, "Commit message"),
                    Flag("pause", "p", "Pause container during commit", preset: "true"),
                ], .between(1, 2), needs: changes, operands: [.container, .image], action: ContainerCommands.commit),
            CommandSpec(
                "container diff", aliases: ["diff"], "CONTAINER",
                "Inspect changes to files or directories on a container's filesystem", .exactly(1), needs: changes,
                operands: [.container], action: ContainerCommands.diff),
            CommandSpec(
                "container inspect", "[OPTIONS] \(many)", "Display detailed information on one or more containers",
                flags: [Flags.inspectFormat, Flag("size", "s", "Display total file sizes")], .atLeast(1), needs: reads,
                operands: [.container], action: InspectCommands.container),
            CommandSpec(
                "container kill", aliases: ["kill"], "[OPTIONS] \(many)", "Kill one or more running containers",
                flags: [Flags.signal], .atLeast(1), needs: reads, operands: [.runningContainer],
                action: ContainerCommands.kill),
            CommandSpec(
                "container logs", aliases: ["logs"], "[OPTIONS] CONTAINER", "Fetch the logs of a container",
                flags: [
                    Flag("follow", "f", "Follow log output"),
                    Flag(
                        "since", nil, .string,
                        "Show logs since timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)"
                    ),
                    Flag("tail", "n", .string, "Number of lines to show from the end of the logs", preset: "all"),
                    Flag("timestamps", "t", "Show timestamps"),
                    Flag(
                        "until", nil, .string,
                        "Show logs before a timestamp (e.g. \"2013-01-02T13:23:37Z\") or relative (e.g. \"42m\" for 42 minutes)"
                    ),
                    Flag("details", "Show extra details provided to logs"),
                ], .exactly(1), needs: reads, operands: [.container], action: ContainerCommands.logs),
            CommandSpec(
                "container ls", aliases: ["container list", "container ps", "ps"], "[OPTIONS]", "List containers",
                flags: [
                    Flag("all", "a", "Show all containers (default shows just running)"), Flags.filter,
                    Flags.listFormat,
                    Flag(
                        "last", "n", .int, "Show n last created containers (includes all states)", preset: "-1"),
                    Flag("latest", "l", "Show the latest created container (includes all states)"), Flags.noTrunc,
                    Flag("quiet", "q", "Only display container IDs"), Flag("size", "s", "Display total file sizes"),
                ], .none, needs: reads, action: ContainerCommands.list),
            CommandSpec(
                "container port", aliases: ["port"], "CONTAINER [PRIVATE_PORT[/PROTO]]",
                "List port mappings or a specific mapping for the container", .between(1, 2), needs: reads,
                operands: [.runningContainer], action: ContainerCommands.port),
            CommandSpec(
                "container prune", "[OPTIONS]", "Remove all stopped containers",
                flags: [Flags.pruneFilter("until=<timestamp>"), Flags.force], .none, needs: changes,
                action: ContainerCommands.prune),
            CommandSpec(
                "container rename", aliases: ["rename"], "CONTAINER NEW_NAME", "Rename a container", .exactly(2),
                needs: reads, operands: [.container], action: ContainerCommands.rename),
            CommandSpec(
                "container rm", aliases: ["container remove", "rm"], "[OPTIONS] \(many)",
                "Remove one or more containers",
                flags: [
                    Flag("force", "f", "Force the removal of a running container (uses SIGKILL)"),
                    Flag("link", "l", "Remove the specified link"),
                    Flag("volumes", "v", "Remove anonymous volumes associated with the container"),
                ], .atLeast(1), needs: changes, operands: [.container],
                action: ContainerCommands.remove),
            CommandSpec(
                "container stop", aliases: ["stop"], "[OPTIONS] \(many)", "Stop one or more running containers",
                flags: [Flags.signal, Flags.stopTimeout], .atLeast(1), needs: reads, operands: [.runningContainer],
                action: ContainerCommands.stop),
            CommandSpec(
                "container wait", aliases: ["wait"], many,
                "Block until one or more containers stop, then print their exit codes", .atLeast(1), needs: reads,
                operands: [.container], action: ContainerCommands.wait),
        ]

    private static let startingCommands: [CommandSpec] = [
        CommandSpec(
            "container attach", aliases: ["attach"], "[OPTIONS] CONTAINER",
            "Attach local standard input, output, and error streams to a running container",
            flags: [
                Flags.detachKeys, Flag("no-stdin", "Do not attach STDIN"),
                Flag("sig-proxy", "Proxy all received signals to the process", preset: "true"),
            ], .exactly(1), needs: reads, operands: [.runningContainer], action: RunCommands.attach),
        CommandSpec(
            "container create", aliases: ["create"], "[OPTIONS] IMAGE [COMMAND] [ARG...]", "Create a new container",
            flags: Flags.create(pullText: "Pull image before creating (\"always\", \"|missing\", \"never\")"),
            .atLeast(1), interspersed: false, needs: changes, operands: [.image],
            missingFlags: Flags.missingAtCreate,
            action: RunCommands.create),
        CommandSpec(
            "container exec", aliases: ["exec"], "[OPTIONS] CONTAINER COMMAND [ARG...]",
            "Execute a command in a running container",
            flags: [
                Flag("detach", "d", "Detached mode: run command in the background"), Flags.detachKeys,
                Flag("env", "e", .environment, "Set environment variables"),
                Flag("env-file", nil, .list, "Read in a file of environment variables", names: .file),
                Flag("interactive", "i", "Keep STDIN open even if not attached"),
                Flag("privileged", "Give extended privileges to the command"),
                Flag("tty", "t", "Allocate a pseudo-TTY"),
                Flag("user", "u", .string, "Username or UID (format: \"<name|uid>[:<group|gid>]\")"),
                Flag("workdir", "w", .string, "Working directory inside the container"),
            ], .atLeast(2), interspersed: false, needs: reads, operands: [.runningContainer],
            action: RunCommands.exec),
        CommandSpec(
            "container restart", aliases: ["restart"], "[OPTIONS] \(many)", "Restart one or more containers",
            flags: [Flags.signal, Flags.stopTimeout], .atLeast(1), needs: changes, operands: [.container],
            action: ContainerCommands.restart),
        CommandSpec(
            "container run", aliases: ["run"], "[OPTIONS] IMAGE [COMMAND] [ARG...]",
            "Create and run a new container from an image",
            flags: Flags.create(pullText: "Pull image before running (\"always\", \"missing\", \"never\")") + [
                Flag("detach", "d", "Run container in background and print container ID"), Flags.detachKeys,
                Flag("sig-proxy", "Proxy received signals to the process", preset: "true"),
            ], .atLeast(1), interspersed: false, needs: changes, operands: [.image],
            missingFlags: Flags.missingAtCreate,
            action: RunCommands.run),
        CommandSpec(
            "container start", aliases: ["start"], "[OPTIONS] \(many)", "Start one or more stopped containers",
            flags: [
                Flag("attach", "a", "Attach STDOUT/STDERR and forward signals"), Flags.detachKeys,
                Flag("interactive", "i", "Attach container's STDIN"),
            ], .atLeast(1), needs: changes, operands: [.stoppedContainer], action: RunCommands.start),
    ]
}
