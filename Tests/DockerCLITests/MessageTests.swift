import Diagnostics
import Testing

@testable import DockerCLI

@Suite("What docker says about a wrong command line")
struct MessageTests {
    @Test(
        "Wrong usage has Docker's words, usage line, hint and status",
        arguments: [
            ("foo", "docker: unknown command: docker foo\n\nRun 'docker --help' for more information\n", 1),
            (
                "image foo",
                "docker: unknown command: docker image foo\n\nUsage:  docker image\n\n"
                    + "Run 'docker image --help' for more information\n", 1
            ),
            (
                "--foo",
                "unknown flag: --foo\n\nUsage:  docker [OPTIONS] COMMAND [ARG...]\n\n"
                    + "Run 'docker --help' for more information\n", 125
            ),
            (
                "pull --foo",
                "unknown flag: --foo\n\nUsage:  docker pull [OPTIONS] NAME[:TAG|@DIGEST]\n\n"
                    + "Run 'docker pull --help' for more information\n", 125
            ),
            (
                "container ls -qz",
                "unknown shorthand flag: 'z' in -z\n\nUsage:  docker container ls [OPTIONS]\n\n"
                    + "Run 'docker container ls --help' for more information\n", 125
            ),
            (
                "image -z",
                "unknown shorthand flag: 'z' in -z\n\nUsage:  docker image\n\n"
                    + "Run 'docker image --help' for more information\n", 125
            ),
            (
                "run",
                "docker: 'docker run' requires at least 1 argument\n\n"
                    + "Usage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\n"
                    + "See 'docker run --help' for more information\n", 1
            ),
            (
                "tag a",
                "docker: 'docker tag' requires 2 arguments\n\n"
                    + "Usage:  docker tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]\n\n"
                    + "Run 'docker tag --help' for more information\n", 1
            ),
            (
                "commit",
                "docker: 'docker commit' requires at least 1 and at most 2 arguments\n\n"
                    + "Usage:  docker commit [OPTIONS] CONTAINER [REPOSITORY[:TAG]]\n\n"
                    + "Run 'docker commit --help' for more information\n", 1
            ),
            (
                "ps a",
                "docker: 'docker ps' accepts no arguments\n\nUsage:  docker ps [OPTIONS]\n\n"
                    + "Run 'docker ps --help' for more information\n", 1
            ),
            (
                "ps -n",
                "flag needs an argument: 'n' in -n\n\nUsage:  docker ps [OPTIONS]\n\n"
                    + "Run 'docker ps --help' for more information\n", 125
            ),
            (
                "ps -n x",
                "invalid argument \"x\" for \"-n, --last\" flag: strconv.ParseInt: parsing \"x\": invalid syntax\n\n"
                    + "Usage:  docker ps [OPTIONS]\n\nRun 'docker ps --help' for more information\n", 125
            ),
            (
                "run --rm=maybe x",
                "invalid argument \"maybe\" for \"--rm\" flag: strconv.ParseBool: parsing \"maybe\": invalid syntax\n\n"
                    + "Usage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\n"
                    + "Run 'docker run --help' for more information\n", 125
            ),
            (
                "ps -f foo",
                "invalid argument \"foo\" for \"-f, --filter\" flag: bad format of filter (expected name=value)\n\n"
                    + "Usage:  docker ps [OPTIONS]\n\nRun 'docker ps --help' for more information\n", 125
            ),
            (
                "run -e =x alpine",
                "invalid argument \"=x\" for \"-e, --env\" flag: invalid environment variable: =x\n\n"
                    + "Usage:  docker run [OPTIONS] IMAGE [COMMAND] [ARG...]\n\n"
                    + "Run 'docker run --help' for more information\n", 125
            ),
            ("help foo", "unknown help topic: foo\n", 1),
        ] as [(String, String, Int32)])
    func wrongUsage(line: String, message: String, status: Int32) async {
        let outcome = await docker(line)
        #expect(outcome.errors == message)
        #expect(outcome.output == "")
        #expect(outcome.status == status)
    }

    @Test("A bad image name is refused before the engine is asked")
    func badReference() async {
        let engine = FakeEngine()
        let pull = await docker("pull UPPER:x", engine: engine)
        #expect(pull.errors.hasPrefix("invalid reference format: repository name"))
        #expect(pull.status == 1)
        let run = await docker("run UPPER", engine: engine)
        #expect(run.errors.hasPrefix("docker: invalid reference format: repository name"))
        #expect(run.errors.contains("\n\nRun 'docker run --help' for more information\n"))
        #expect(run.status == 125)
        #expect(engine.calls == [])
    }

    @Test("The daemon's errors carry Docker's prefix, and ours below it")
    func daemonError() async {
        let engine = FakeEngine {
            $0.failures["rm c1"] = DrydockError(
                .conflict, "You cannot remove a running container c1", reason: "it runs", remedy: "docker stop c1")
        }
        let outcome = await docker("rm c1 c2", engine: engine)
        #expect(outcome.output == "c2\n")
        #expect(
            outcome.errors
                == "Error response from daemon: You cannot remove a running container c1\n  it runs\n  → docker stop c1\n"
        )
        #expect(outcome.status == 1)
    }

    @Test("A failing run names itself and its help, and ends with 125 or the engine's status")
    func runError() async {
        let engine = FakeEngine {
            $0.failures["start"] = DrydockError(
                .notFound, "exec: \"nosuch\": executable file not found in $PATH", exitStatus: 127)
        }
        let outcome = await docker("run --rm alpine nosuch", engine: engine)
        #expect(
            outcome.errors
                == "docker: Error response from daemon: exec: \"nosuch\": executable file not found in $PATH\n\n"
                + "Run 'docker run --help' for more information\n")
        #expect(outcome.status == 127)
        #expect(engine.calls.last == "rm aaaaaaaaaaaa")
        let conflict = FakeEngine { $0.failures["create"] = DrydockError(.conflict, "Conflict.") }
        #expect(await docker("container run --name x alpine", engine: conflict).status == 125)
    }

    @Test("A flag that Docker has and Drydock has not is named as such")
    func missingFlag() async {
        let outcome = await docker("run --gpus all alpine")
        #expect(outcome.errors.hasPrefix("docker: --gpus is not supported here yet\n"))
        #expect(outcome.status == 125)
    }

    @Test("Words that are nearly right are set right, and commands to come are named as such")
    func suggestions() async {
        #expect(await docker("imgaes").errors.hasSuffix("for more information\n  → docker images\n"))
        #expect(await docker("image pul x").errors.hasSuffix("for more information\n  → docker image pull\n"))
        #expect(await docker("ps --al").errors.hasSuffix("for more information\n  → --all\n"))
        #expect(await docker("build .").errors.contains("\n  Docker has this command; it is not here yet.\n"))
        #expect(await docker("run --link a:b alpine").errors.hasPrefix("docker: --link is not supported here yet\n"))
    }

    @Test("With --force, what does not exist is reported and is no failure")
    func force() async {
        let gone = DrydockError(.notFound, "No such container: c1")
        let engine = FakeEngine { $0.failures["rm c1"] = gone }
        let outcome = await docker("rm -f c1 c2", engine: engine)
        #expect(outcome.output == "c2\n")
        #expect(outcome.errors == "Error response from daemon: No such container: c1\n")
        #expect(outcome.status == 0)
        #expect(await docker("rm c1", engine: engine).status == 1)
    }

    @Test("Objects that do not exist give Docker's empty list and its message")
    func noSuchObject() async {
        let outcome = await docker("inspect nope")
        #expect(outcome.output == "[]\n")
        #expect(outcome.errors == "Error: No such object: nope\n")
        #expect(outcome.status == 1)
        let template = await docker("inspect", "-f", "{{.Id", "nope")
        #expect(template.errors == "template parsing error: template: :1: unclosed action\n")
        #expect(template.status == 64)
    }
}
