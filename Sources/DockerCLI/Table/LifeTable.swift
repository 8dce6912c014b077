extension CommandTable {
    private static let reads = DockerCommand.Needs(store: true)
    private static let changes = DockerCommand.Needs(store: true, identityMap: true)
    private static let many = "CONTAINER [CONTAINER...]"

    /// Commands that look at what containers do, and change it.
    static let lifeCommands: [CommandSpec] = [
        CommandSpec(
            "container cp", aliases: ["cp"],
            "[OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n"
                + "\tdocker cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH",
            "Copy files/folders between a container and the local filesystem",
            description: """
                Copy files/folders between a container and the local filesystem

                Use '-' as the source to read a tar archive from stdin
                and extract it to a directory destination in a container.
                Use '-' as the destination to stream a tar archive of a
                container source to stdout.
                """,
            flags: [
                Flag("archive", "a", "Archive mode (copy all uid/gid information)"),
                Flag("follow-link", "L", "Always follow symbol link in SRC_PATH"),
                Flag(
                    "quiet", "q",
                    "Suppress progress output during copy. Progress output is automatically suppressed if no terminal "
                        + "is attached"),
            ], .exactly(2), needs: changes, operands: [.container, .file], action: CopyCommands.copy),
        CommandSpec(
            "container pause", aliases: ["pause"], many, "Pause all processes within one or more containers",
            .atLeast(1), needs: reads, operands: [.runningContainer], action: ContainerCommands.pause),
        CommandSpec(
            "container stats", aliases: ["stats"], "[OPTIONS] [CONTAINER...]",
            "Display a live stream of container(s) resource usage statistics",
            flags: [
                Flag("all", "a", "Show all containers (default shows just running)"), Flags.listFormat,
                Flag("no-stream", "Disable streaming stats and only pull the first result"),
                Flag("no-trunc", "Do not truncate output"),
            ], .atLeast(0), needs: reads, operands: [.runningContainer], action: WatchCommands.stats),
        CommandSpec(
            "container top", aliases: ["top"], "CONTAINER [ps OPTIONS]",
            "Display the running processes of a container", .atLeast(1), interspersed: false, needs: reads,
            operands: [.runningContainer], action: WatchCommands.top),
        CommandSpec(
            "container unpause", aliases: ["unpause"], many, "Unpause all processes within one or more containers",
            .atLeast(1), needs: reads, operands: [.container], action: ContainerCommands.unpause),
        CommandSpec(
            "container update", aliases: ["update"], "[OPTIONS] \(many)",
            "Update configuration of one or more containers", flags: UpdateCommand.flags, .atLeast(1), needs: reads,
            operands: [.container],
            missingFlags: ["cpu-rt-period", "cpu-rt-runtime"],
            action: UpdateCommand.update),
        CommandSpec(
            "system events", aliases: ["events"], "[OPTIONS]", "Get real time events from the server",
            flags: [
                Flags.filter, Flags.eventsFormat,
                Flag("since", nil, .string, "Show all events created since timestamp"),
                Flag("until", nil, .string, "Stream events until this timestamp"),
            ], .none, needs: reads, action: EventCommands.events),
    ]
}

extension Flags {
    static let eventsFormat = Flag("format", nil, .string, documentFormat, values: ["json"])
}
