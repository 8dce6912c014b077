import Testing

@testable import DockerCLI

@Suite("The help texts")
struct HelpTests {
    @Test("The help of a command has Docker's layout, wrapped at 80 columns")
    func pullHelp() async {
        let outcome = await docker("pull --help")
        #expect(
            outcome.output == """
                Usage:  docker pull [OPTIONS] NAME[:TAG|@DIGEST]

                Download an image from a registry

                Aliases:
                  docker image pull, docker pull

                Options:
                  -a, --all-tags                Download all tagged images in the repository
                      --disable-content-trust   Skip image verification (default true)
                      --platform string         Set platform if server is multi-platform
                                                capable
                  -q, --quiet                   Suppress verbose output

                """)
    }

    @Test("Long texts wrap as Docker wraps them, with their defaults")
    func psHelp() async {
        let outcome = await docker("ps --help")
        #expect(
            outcome.output == """
                Usage:  docker ps [OPTIONS]

                List containers

                Aliases:
                  docker container ls, docker container list, docker container ps, docker ps

                Options:
                  -a, --all             Show all containers (default shows just running)
                  -f, --filter filter   Filter output based on conditions provided
                      --format string   Format output using a custom template:
                                        'table':            Print output in table format
                                        with column headers (default)
                                        'table TEMPLATE':   Print output in table format
                                        using the given Go template
                                        'json':             Print in JSON format
                                        'TEMPLATE':         Print output using the given
                                        Go template.
                                        Refer to https://docs.docker.com/go/formatting/
                                        for more information about formatting output with
                                        templates
                  -n, --last int        Show n last created containers (includes all
                                        states) (default -1)
                  -l, --latest          Show the latest created container (includes all
                                        states)
                      --no-trunc        Don't truncate output
                  -q, --quiet           Only display container IDs
                  -s, --size            Display total file sizes

                """)
    }

    @Test("Groups list their commands, and nothing but a group prints its help as an error")
    func groupHelp() async {
        let outcome = await docker("image")
        #expect(outcome.output == "")
        #expect(outcome.status == 0)
        #expect(outcome.errors.hasPrefix("Usage:  docker image COMMAND\n\nManage images\n\nCommands:\n  history     "))
        #expect(outcome.errors.hasSuffix("Run 'docker image COMMAND --help' for more information on a command.\n"))
        #expect(!outcome.errors.contains("remove"))
    }

    @Test("docker help X is docker X --help")
    func helpCommand() async {
        #expect(await docker("help image ls").output == docker("image ls --help").output)
        #expect(await docker("help").output == docker("--help").output)
    }

    @Test("A second name of a command is shown under its first")
    func secondName() async {
        #expect(await docker("container list --help").output == docker("container ls --help").output)
        #expect(await docker("image remove").errors.hasPrefix("docker: 'docker image rm' requires at least 1 argument"))
    }

    @Test("The old -h still works and says that it is old")
    func oldHelp() async {
        let outcome = await docker("ps -h")
        #expect(outcome.output.hasPrefix("Flag shorthand -h has been deprecated, use --help\nUsage:  docker ps"))
    }

    @Test("Every command of the table has a help of its own and no flag or path twice")
    func tableIsConsistent() {
        var seen: Set<[String]> = []
        for spec in CommandTable.docker.commands {
            for path in spec.paths { #expect(seen.insert(path).inserted, "\(path) twice") }
            #expect(Set(spec.flags.map(\.name)).count == spec.flags.count)
            let letters = spec.flags.compactMap(\.letter)
            #expect(Set(letters).count == letters.count, "\(spec.path)")
            #expect(Set(spec.missingFlags).isDisjoint(with: spec.flags.map(\.name)))
        }
    }
}
