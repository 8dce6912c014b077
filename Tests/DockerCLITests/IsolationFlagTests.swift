import Engine
import Synchronization
import Testing

@testable import DockerCLI

@Suite("Values of isolation flags")
struct IsolationFlagTests {
    @Test(
        "A wrong value gets the answer of Docker's client",
        arguments: [
            ("--ulimit x", "invalid argument \"x\" for \"--ulimit\" flag: invalid ulimit argument: x"),
            ("--ulimit foo=1", "invalid argument \"foo=1\" for \"--ulimit\" flag: invalid ulimit type: foo"),
            (
                "--ulimit nofile=10:5",
                "invalid argument \"nofile=10:5\" for \"--ulimit\" flag: ulimit soft limit must be less than or equal to hard limit: 10 > 5"
            ),
            ("-m x", "invalid argument \"x\" for \"-m, --memory\" flag: invalid size: 'x'"),
            ("--shm-size x", "invalid argument \"x\" for \"--shm-size\" flag: invalid size: 'x'"),
            ("--pid x", "--pid: invalid PID mode"), ("--pid container:", "--pid: invalid PID mode"),
            ("--uts x", "--uts: invalid UTS mode"), ("--userns x", "--userns: invalid USER mode"),
            ("--cgroupns x", "--cgroupns: invalid CGROUP mode"),
            ("--security-opt foo", "Invalid --security-opt: \"foo\""),
            ("--add-host x", "invalid argument \"x\" for \"--add-host\" flag: bad format for add-host: \"x\""),
            (
                "--add-host x:1.2",
                "invalid argument \"x:1.2\" for \"--add-host\" flag: invalid IP address in add-host: \"1.2\""
            ),
            ("--dns x", "invalid argument \"x\" for \"--dns\" flag: IP address is not correctly formatted: x"),
            (
                "--dns-search a_b..c",
                "invalid argument \"a_b..c\" for \"--dns-search\" flag: a_b..c is not a valid domain"
            ),
            ("--sysctl a.b=c", "invalid argument \"a.b=c\" for \"--sysctl\" flag: sysctl 'a.b=c' is not allowed"),
            ("--mac-address zz", "zz is not a valid mac address"),
            (
                "--expose x",
                "invalid range format for --expose: x, error: strconv.ParseUint: parsing \"x\": invalid syntax"
            ),
            (
                "--expose 90-80",
                "invalid range format for --expose: 90-80, error: invalid range specified for port: 90-80"
            ),
            ("--cpus x", "invalid argument \"x\" for \"--cpus\" flag: failed to parse x as a rational number"),
            ("--cpus 1.2345678901", "invalid argument \"1.2345678901\" for \"--cpus\" flag: value is too precise"),
            ("--memory-swappiness 200", "invalid value: 200. Valid memory swappiness range is 0-100"),
            ("--label =x", "invalid argument \"=x\" for \"-l, --label\" flag: invalid label '=x': empty name"),
            (
                "--device-cgroup-rule x",
                "invalid argument \"x\" for \"--device-cgroup-rule\" flag: invalid device cgroup format 'x'"
            ),
            (
                "--mount type=tmpfs,target=/x,tmpfs-size=zz",
                "invalid argument \"type=tmpfs,target=/x,tmpfs-size=zz\" for \"--mount\" flag: invalid value for tmpfs-size: zz"
            ),
            (
                "--mount foo",
                "invalid argument \"foo\" for \"--mount\" flag: invalid field 'foo' must be a key=value pair"
            ),
            (
                "--blkio-weight x",
                "invalid argument \"x\" for \"--blkio-weight\" flag: strconv.ParseUint: parsing \"x\": invalid syntax"
            ),
        ])
    func wrong(flags: String, message: String) async {
        let outcome = await docker("run \(flags) alpine true")
        #expect(outcome.status == 125)
        #expect(outcome.errors.contains(message), "\(outcome.errors)")
    }

    @Test("Values arrive at the engine with their units worked out")
    func values() async throws {
        let engine = FakeEngine()
        _ = await docker(
            "create -m 1.5g --memory-swap -1 --cpus 0.25 --pids-limit 7 --ulimit nofile=5:6 --device /dev/fuse:rw --expose 80-81/udp --shm-size 64k --sysctl net.core.somaxconn=9 alpine",
            engine: engine)
        let isolation = try #require(engine.state.withLock { $0.created }).isolation
        #expect(isolation.memory == 1_610_612_736 && isolation.memorySwap == -1)
        #expect(isolation.nanoCPUs == 250_000_000 && isolation.pidsLimit == 7)
        #expect(isolation.ulimits == [.init(name: "nofile", soft: 5, hard: 6)])
        #expect(isolation.devices == [.init(path: "/dev/fuse", target: "/dev/fuse", permissions: "rw")])
        #expect(isolation.exposed == ["80/udp", "81/udp"])
        #expect(isolation.sharedMemorySize == 65536)
        #expect(isolation.sysctls == ["net.core.somaxconn": "9"])
    }
}
