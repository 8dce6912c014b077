import Diagnostics
import Engine
import Glibc

/// `docker top` and `docker stats`.
enum WatchCommands {
    static func top(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let engine = try context.open()
        let name = invocation.arguments[0]
        let arguments = Array(invocation.arguments.dropFirst())
        let table = try await blocking { () throws(DrydockError) in try engine.top(name, arguments: arguments) }
        let lines = ([table.titles] + table.processes).map { $0.joined(separator: "\t") + "\n" }
        context.output.write(TabWriter.align(lines.joined(), least: 20))
        return 0
    }

    static func stats(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let (names, all) = (invocation.arguments, invocation.bool("all"))
        let format = invocation.string("format")
        let whole = invocation.bool("no-trunc")
        let engine = try context.open()
        let sample: @Sendable () throws(DrydockError) -> [UsageSample] = { () throws(DrydockError) in
            try engine.usage(names, all: all)
        }
        var before = try await blocking(sample)
        let redraws = format.map { $0.isEmpty || $0.hasPrefix("table") } ?? true
        while true {
            // What a container uses is what changed in a second.
            usleep(invocation.bool("no-stream") ? 500_000 : 1_000_000)
            let now = try await blocking(sample)
            let earlier = before
            let rows = now.enumerated().map { index, sample in
                StatsListing.row(
                    sample, since: earlier.first { $0.id == sample.id }, whole: whole,
                    asked: now.count == names.count ? names[index] : nil)
            }
            let text = try StatsListing.listing.render(rows, format: format, quiet: false)
            if invocation.bool("no-stream") {
                context.output.write(text)
                return 0
            }
            if redraws, context.terminal.outputIsTerminal {
                // Home, every line cleared to its end, and what is below.
                let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
                context.output.write("\u{1b}[H" + lines.map { $0 + "\u{1b}[K\n" }.joined() + "\u{1b}[J")
            } else {
                context.output.write(text)
            }
            before = now
            if !names.isEmpty, now.isEmpty { return 0 }
        }
    }
}

/// The list of `docker stats`.
enum StatsListing {
    static let listing = Listing(
        columns: [
            .init(field: "Container", heading: "CONTAINER"), .init(field: "ID", heading: "CONTAINER ID"),
            .init(field: "Name", heading: "NAME"), .init(field: "CPUPerc", heading: "CPU %"),
            .init(field: "MemUsage", heading: "MEM USAGE / LIMIT"), .init(field: "MemPerc", heading: "MEM %"),
            .init(field: "NetIO", heading: "NET I/O"), .init(field: "BlockIO", heading: "BLOCK I/O"),
            .init(field: "PIDs", heading: "PIDS"),
        ],
        table: ["ID", "Name", "CPUPerc", "MemUsage", "MemPerc", "NetIO", "BlockIO", "PIDs"], quiet: "ID",
        typeName: "*container.statsContext")

    /// A container that does not run uses nothing.
    /// - Parameter asked: the name by which it was asked for; nil where all were.
    static func row(
        _ sample: UsageSample, since before: UsageSample?, whole: Bool, asked: String? = nil
    ) -> JSONValue {
        var busy = 0.0
        if let before, sample.time > before.time, sample.cpu >= before.cpu {
            busy = Double(sample.cpu - before.cpu) / Double(sample.time - before.time) * 100
        }
        let share = sample.memoryLimit > 0 ? Double(sample.memory) / Double(sample.memoryLimit) * 100 : 0
        let id = whole ? sample.id : String(sample.id.prefix(12))
        return [
            "BlockIO": .string("\(Units.size(sample.read)) / \(Units.size(sample.written))"),
            "CPUPerc": .string(percent(busy)), "Container": .string(asked ?? id), "ID": .string(id),
            "MemPerc": .string(percent(share)),
            "MemUsage": .string(
                "\(Units.binarySize(sample.memory)) / \(Units.binarySize(sample.memoryLimit))"),
            "Name": .string(sample.name),
            "NetIO": .string("\(Units.size(sample.received)) / \(Units.size(sample.sent))"),
            "PIDs": .string(String(sample.pids)),
        ]
    }

    private static func percent(_ value: Double) -> String {
        let hundredths = Int64((value * 100).rounded())
        let rest = String(hundredths % 100)
        return "\(hundredths / 100).\(rest.count < 2 ? "0" + rest : rest)%"
    }
}
