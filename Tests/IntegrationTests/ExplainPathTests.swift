import Testing

@Suite("Which layers have a file")
struct ExplainPathTests {
    @Test("explain NAME:/PATH lists every version of a path, the one that is seen first, and who shares its layer")
    func versions() throws {
        let it = try Drydock.withAlpine(Actor.available[0])
        #expect(
            it.docker("run", "--name", "one", "--network", "none", "alpine:3.5", "sh", "-c", "echo hello > /etc/motd")
                .status == 0)
        #expect(it.docker("commit", "one", "mine").status == 0)
        #expect(it.docker("run", "--name", "two", "--network", "none", "mine", "rm", "/etc/motd").status == 0)
        let session = it.drydock(
            ["run-script", "-"],
            input: "explain mine:/etc/motd\nexplain alpine:3.5:/etc/passwd\nexplain two:/etc/motd\n"
                + "explain mine:/no/such\nlang fr\nexplain two:/etc/motd\nquit\n")
        let text = session.output
        let lines = text.split(separator: "\n")
        #expect(lines.contains { $0.contains("6B") && $0.contains("this one is seen") }, "\(text)")
        #expect(lines.contains { $0.contains("hidden by the layer above") && $0.contains("shared with alpine:3.5") })
        #expect(lines.contains { $0.contains("own layer") && $0.contains("deleted") && $0.contains("none to see") })
        #expect(lines.contains { $0.contains("shared with mine:latest") })
        #expect(text.contains("No layer of mine has /no/such."))
        #expect(lines.contains { $0.contains("propre couche") && $0.contains("supprimé") })
    }
}
