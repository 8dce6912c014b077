extension CommandTable {
    private static let reads = DockerCommand.Needs(store: true)

    /// Commands that look at what containers do.
    static let lifeCommands: [CommandSpec] = [
        CommandSpec(
            "system events", aliases: ["events"], "[OPTIONS]", "Get real time events from the server",
            flags: [
                Flags.filter, Flags.eventsFormat,
                Flag("since", nil, .string, "Show all events created since timestamp"),
                Flag("until", nil, .string, "Stream events until this timestamp"),
            ], .none, needs: reads, action: EventCommands.events)
    ]
}

extension Flags {
    static let eventsFormat = Flag("format", nil, .string, documentFormat, values: ["json"])
}
