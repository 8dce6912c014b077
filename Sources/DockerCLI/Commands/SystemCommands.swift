import Diagnostics
import Engine

/// `docker version`, `docker info`.
enum SystemCommands {
    static func version(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let format = invocation.string("format") ?? ""
        let template = try reader(format)
        let document = try context.open().version()
        if let text = try template(document) {
            context.output.line(text)
        } else {
            context.output.write(versionText(document))
        }
        return 0
    }

    static func info(_ invocation: Invocation, _ context: CommandContext) async throws(Failure) -> Int32 {
        let format = invocation.string("format") ?? ""
        let template = try reader(format)
        let engine = try context.open()
        let document = try daemon { () throws(DrydockError) in try engine.info() }
        if let text = try template(document) {
            context.output.line(text)
        } else {
            context.output.write(infoText(document, version: engine.version()))
        }
        return 0
    }

    /// What a format makes of a document: nil where there is no format.
    private static func reader(_ format: String) throws(Failure) -> (JSONValue) throws(Failure) -> String? {
        if format.isEmpty { return { _ in nil } }
        if format == "json" { return { $0.compact } }
        let template = try InspectCommands.template(format)
        return { document throws(Failure) in try InspectCommands.fill(template, document) }
    }

    /// `docker --version`
    static func shortVersion(_ document: JSONValue) -> String {
        let version = document.at("Client.Version")?.string ?? "unknown"
        let build = document.at("Client.GitCommit")?.string ?? ""
        return "Docker version \(version), build \(build.isEmpty ? "unknown" : build)"
    }

    private static func registries(_ config: JSONValue?) -> String {
        func list(_ name: String, _ items: [String]) -> String {
            items.isEmpty ? "" : " \(name):\n" + items.map { "  \($0)\n" }.joined()
        }
        let named = (config?["IndexConfigs"]?.pairs ?? []).filter { $0.value["Secure"]?.bool == false }.map(\.key)
        return list(
            "Insecure Registries", named + (config?["InsecureRegistryCIDRs"]?.array ?? []).compactMap(\.string))
            + list("Registry Mirrors", (config?["Mirrors"]?.array ?? []).compactMap(\.string))
    }

    private static func value(_ document: JSONValue?, _ key: String) -> String? {
        switch document?[key] {
        case nil, .null, .string(""): nil
        case .some(let value): TemplateRun.display(value)
        }
    }

    private static func versionText(_ document: JSONValue) -> String {
        func block(_ part: JSONValue?, indent: String) -> String {
            let platform = [value(part, "Os"), value(part, "Arch")].compactMap { $0 }.joined(separator: "/")
            var lines: [(String, String?)] = [
                ("Version:", value(part, "Version")), ("API version:", value(part, "ApiVersion")),
                ("Git commit:", value(part, "GitCommit")), ("Built:", value(part, "BuildTime")),
                ("OS/Arch:", platform.isEmpty ? nil : platform), ("Context:", value(part, "Context")),
            ]
            if let minimum = value(part, "MinAPIVersion"), let api = lines[1].1 {
                lines[1].1 = "\(api) (minimum version \(minimum))"
            }
            return lines.compactMap { name, text in
                text.map { indent + padded(name, 19 - indent.count + 1) + $0 + "\n" }
            }
            .joined()
        }
        func heading(_ name: String, _ part: JSONValue?) -> String {
            let platform = part?.at("Platform.Name")?.string ?? ""
            return "\(name):\(platform.isEmpty ? "" : " \(platform)")\n"
        }
        let (client, server) = (document["Client"], document["Server"])
        var text = heading("Client", client) + block(client, indent: " ")
        if let server { text += "\n" + heading("Server", server) + " Engine:\n" + block(server, indent: "  ") }
        return text
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }

    private static func infoText(_ document: JSONValue, version: JSONValue) -> String {
        var text = "Client:\n"
        func line(_ indent: Int, _ name: String, _ value: String?) {
            if let value { text += String(repeating: " ", count: indent) + name + ": " + value + "\n" }
        }
        func plain(_ indent: Int, _ name: String, _ key: String) { line(indent, name, value(document, key)) }
        line(1, "Version", version.at("Client.Version")?.string)
        line(1, "Context", version.at("Client.Context")?.string ?? "default")
        text += "\nServer:\n"
        plain(1, "Containers", "Containers")
        plain(2, "Running", "ContainersRunning")
        plain(2, "Paused", "ContainersPaused")
        plain(2, "Stopped", "ContainersStopped")
        plain(1, "Images", "Images")
        plain(1, "Server Version", "ServerVersion")
        plain(1, "Storage Driver", "Driver")
        for pair in document["DriverStatus"]?.array ?? [] {
            if let items = pair.array, items.count == 2, let name = items[0].string { line(2, name, items[1].string) }
        }
        plain(1, "Logging Driver", "LoggingDriver")
        plain(1, "Cgroup Driver", "CgroupDriver")
        plain(1, "Cgroup Version", "CgroupVersion")
        if document["Plugins"] != nil { text += " Plugins:\n" }
        for kind in ["Volume", "Network", "Authorization", "Log"] {
            let names = (document.at("Plugins.\(kind)")?.array ?? []).compactMap(\.string)
            if !names.isEmpty { line(2, kind, names.joined(separator: " ")) }
        }
        line(1, "Swarm", document.at("Swarm.LocalNodeState")?.string)
        line(1, "Runtimes", document["Runtimes"]?.pairs?.map(\.key).sorted().joined(separator: " "))
        plain(1, "Default Runtime", "DefaultRuntime")
        let options = (document["SecurityOptions"]?.array ?? []).compactMap(\.string)
        if !options.isEmpty { text += " Security Options:\n" }
        for option in options {
            for part in option.split(separator: ",") {
                if part.hasPrefix("name=") { text += "  \(part.dropFirst(5))\n" }
                if part.hasPrefix("profile=") { text += "   Profile: \(part.dropFirst(8))\n" }
            }
        }
        plain(1, "Kernel Version", "KernelVersion")
        plain(1, "Operating System", "OperatingSystem")
        plain(1, "OSType", "OSType")
        plain(1, "Architecture", "Architecture")
        plain(1, "CPUs", "NCPU")
        line(1, "Total Memory", document["MemTotal"]?.int.map { Units.binarySize($0) })
        plain(1, "Name", "Name")
        plain(1, "ID", "ID")
        plain(1, "Docker Root Dir", "DockerRootDir")
        plain(1, "Debug Mode", "Debug")
        plain(1, "HTTP Proxy", "HttpProxy")
        plain(1, "HTTPS Proxy", "HttpsProxy")
        plain(1, "No Proxy", "NoProxy")
        plain(1, "Username", "Username")
        plain(1, "Registry", "IndexServerAddress")
        plain(1, "Experimental", "ExperimentalBuild")
        text += registries(document["RegistryConfig"])
        plain(1, "Live Restore Enabled", "LiveRestoreEnabled")
        let warnings = (document["Warnings"]?.array ?? []).compactMap(\.string)
        return text + warnings.map { "\n" + $0 }.joined() + (warnings.isEmpty ? "" : "\n")
    }
}
