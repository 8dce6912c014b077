public import OCI

/// What `docker create` and `docker run` ask for.
public struct CreateRequest: Sendable {
    /// A directory of the host, or a volume, that the container sees: `-v SOURCE:TARGET[:ro]`.
    public struct Mount: Sendable, Hashable {
        /// The absolute path on the host; nil for an anonymous volume, a name for a named one.
        public var source: String?
        /// The absolute path in the container.
        public var target: String
        /// Whether the container may only read it.
        public var readOnly: Bool
        /// Whether what is mounted below the source stays away.
        public var nonRecursive = false
        /// How later mounts below it spread: `rprivate` and its like; empty for Docker's choice.
        public var propagation = ""
        /// What `-v` says after the second colon.
        public var mode = ""
        /// Whether a missing source is made; `--mount` refuses it.
        public var makesSource = true

        /// Makes a mount.
        public init(source: String?, target: String, readOnly: Bool = false) {
            self.source = source
            self.target = target
            self.readOnly = readOnly
        }
    }

    /// A published port: `-p [IP:]HOST:CONTAINER[/tcp|udp]`.
    public struct Port: Sendable, Hashable {
        /// The address of the host to listen on; empty for all.
        public var hostAddress: String
        /// The port of the host; 0 lets the system choose.
        public var hostPort: UInt16
        /// The last port of the host that may be taken, where `hostPort` begins a range; else the same.
        public var lastHostPort: UInt16
        /// The port in the container.
        public var containerPort: UInt16
        /// `tcp` or `udp`.
        public var transport: String

        /// Makes a published port.
        public init(
            hostAddress: String = "", hostPort: UInt16, lastHostPort: UInt16? = nil, containerPort: UInt16,
            transport: String = "tcp"
        ) {
            self.hostAddress = hostAddress
            self.hostPort = hostPort
            self.lastHostPort = lastHostPort ?? hostPort
            self.containerPort = containerPort
            self.transport = transport
        }
    }

    /// When an image is pulled first: `--pull`.
    public enum PullPolicy: String, Sendable {
        /// Each time.
        case always
        /// Where it is not here yet.
        case missing
        /// Not at all.
        case never
    }

    /// The image as the user named it.
    public var image: String
    /// `--name`
    public var name: String?
    /// The arguments after the image; empty for the image's own.
    public var command: [String] = []
    /// `--entrypoint`; an empty text removes the image's.
    public var entrypoint: String?
    /// `-e` and `--env-file`: `NAME=value`; a bare `NAME` was already replaced by the command line.
    public var env: [String] = []
    /// `-w`
    public var workingDir: String?
    /// `-u`
    public var user: String?
    /// `-h`
    public var hostname: String?
    /// `-l`
    public var labels: [String: String] = [:]
    /// `-t`
    public var tty = false
    /// `-i`
    public var openStdin = false
    /// `-a` or what `run` without `-d` implies: `stdin`, `stdout`, `stderr`.
    public var attach: Set<String> = []
    /// `--rm`
    public var autoRemove = false
    /// Whether it is started at once, as by `run`.
    public var startsNow = false
    /// `-v`
    public var mounts: [Mount] = []
    /// `--tmpfs`: path and options.
    public var tmpfs: [String: String] = [:]
    /// `-p`
    public var ports: [Port] = []
    /// `-P`
    public var publishAll = false
    /// `--network`: `bridge` (or `default`), `none`, `host`, `container:NAME`.
    public var network = "default"
    /// `--add-host`: `NAME:ADDRESS`
    public var extraHosts: [String] = []
    /// `--dns`
    public var dns: [String] = []
    /// `--cap-add`
    public var capAdd: [String] = []
    /// `--cap-drop`
    public var capDrop: [String] = []
    /// `--privileged`
    public var privileged = false
    /// `--read-only`
    public var readOnlyRootfs = false
    /// `--init`
    public var initProcess = false
    /// `--stop-signal`
    public var stopSignal: String?
    /// `--stop-timeout` in seconds.
    public var stopTimeout: Int?
    /// `--pull`
    public var pull = PullPolicy.missing
    /// `--platform`
    public var platform: Platform?
    /// `--restart`
    public var restart = RestartSetting()
    /// `--health-…` and `--no-healthcheck`; nil takes the image's.
    public var healthcheck: HealthCheck?
    /// `--log-driver` and `--log-opt`
    public var logging = LogSetting()
    /// Namespaces, rights, devices and limits.
    public var isolation = IsolationRequest()

    /// Makes a request for an image.
    public init(image: String) { self.image = image }
}

/// A container that was made.
public struct CreatedContainer: Sendable, Hashable {
    /// The ID: 64 hexadecimal digits.
    public var id: String
    /// The name, without a slash.
    public var name: String
    /// What Docker prints as `WARNING: …`.
    public var warnings: [String]

    /// Makes a value.
    public init(id: String, name: String, warnings: [String] = []) {
        self.id = id
        self.name = name
        self.warnings = warnings
    }
}

/// The state of a container.
public enum ContainerStatus: String, Sendable, Hashable, CaseIterable {
    /// Made, never started.
    case created
    /// Its program runs.
    case running
    /// Its program is frozen.
    case paused
    /// It is being started again.
    case restarting
    /// Its program has ended.
    case exited
    /// It could not be removed.
    case dead
}

/// A line of `docker ps`.
public struct ContainerSummary: Sendable, Hashable {
    /// The ID: 64 hexadecimal digits.
    public var id: String
    /// The name, without a slash.
    public var name: String
    /// The image as the user named it, or its short ID where that name now means another image.
    public var image: String
    /// The image's ID.
    public var imageID: Digest
    /// The program with its arguments.
    public var command: [String]
    /// When it was made: seconds since 1970.
    public var created: Int64
    /// The state.
    public var status: ContainerStatus
    /// When it was last started: seconds since 1970.
    public var startedAt: Int64?
    /// When it last ended: seconds since 1970.
    public var finishedAt: Int64?
    /// The exit code of its program, once it has ended.
    public var exitCode: Int32?
    /// The published and exposed ports.
    public var ports: [CreateRequest.Port]
    /// Ports that the image exposes and nobody published, `80/tcp`.
    public var exposed: [String]
    /// Labels.
    public var labels: [String: String]
    /// The sources of its mounts.
    public var mounts: [String]
    /// Where its mounts are seen inside.
    public var mountTargets: [String] = []
    /// The networks that it is on.
    public var networks: [String]
    /// What is known of its health, where anybody asks for it: `starting`, `healthy`, `unhealthy`.
    public var health: String?
    /// The bytes of its own writable layer, and of the image below it; only when asked for (`-s`).
    public var size: (writable: Int64, image: Int64)?

    /// Makes a line with what every container has.
    public init(
        id: String, name: String, image: String, imageID: Digest, command: [String], created: Int64,
        status: ContainerStatus
    ) {
        self.id = id
        self.name = name
        self.image = image
        self.imageID = imageID
        self.command = command
        self.created = created
        self.status = status
        ports = []
        exposed = []
        labels = [:]
        mounts = []
        networks = []
    }

    /// Whether two lines say the same of the container, sizes aside.
    public static func == (left: ContainerSummary, right: ContainerSummary) -> Bool {
        left.id == right.id && left.name == right.name && left.image == right.image && left.status == right.status
            && left.startedAt == right.startedAt && left.finishedAt == right.finishedAt
            && left.exitCode == right.exitCode
    }

    /// Hashes the identity.
    public func hash(into hasher: inout Hasher) { hasher.combine(id) }
}

/// One line of `docker diff`.
public struct FileChange: Sendable, Hashable {
    /// What happened to a path.
    public enum Kind: String, Sendable {
        /// It is new.
        case added = "A"
        /// It, or something below it, is not as in the image.
        case changed = "C"
        /// It is gone.
        case deleted = "D"
    }

    /// What happened.
    public var kind: Kind
    /// The absolute path in the container.
    public var path: String

    /// Makes a change.
    public init(kind: Kind, path: String) {
        self.kind = kind
        self.path = path
    }
}

/// How a command is joined to a container's program.
public struct AttachOptions: Sendable {
    /// Whether standard input is passed on.
    public var stdin = false
    /// Whether standard output is shown.
    public var stdout = true
    /// Whether standard error is shown.
    public var stderr = true
    /// The keys that detach (`ctrl-p,ctrl-q`).
    public var detachKeys: String?
    /// Whether signals are passed on to the program.
    public var signalProxy = true

    /// Makes options: output is shown, input is not passed on.
    public init() {}
}

/// What `docker exec` asks for.
public struct ExecRequest: Sendable {
    /// The container.
    public var container: String
    /// The program with its arguments.
    public var command: [String]
    /// `-i`
    public var stdin = false
    /// `-t`
    public var tty = false
    /// `-d`
    public var detach = false
    /// `-e`
    public var env: [String] = []
    /// `-w`
    public var workingDir: String?
    /// `-u`
    public var user: String?
    /// `--privileged`
    public var privileged = false
    /// `--detach-keys`
    public var detachKeys: String?
    /// The message of the error with which `exec` ends where the user left by the detach keys.
    public static let leftMessage = "read escape sequence"

    /// Makes a request.
    public init(container: String, command: [String]) {
        self.container = container
        self.command = command
    }
}

/// What `docker logs` asks for.
public struct LogRequest: Sendable {
    /// The container.
    public var container: String
    /// Go on until the container ends.
    public var follow = false
    /// Only the last lines; nil for all.
    public var tail: Int?
    /// Only what was written then or later: nanoseconds since 1970.
    public var since: Int64?
    /// Only what was written then or earlier: nanoseconds since 1970.
    public var until: Int64?
    /// Put the time before each line.
    public var timestamps = false
    /// Put what `--log-opt labels=…,env=…` asked to keep before each line.
    public var details = false

    /// Makes a request.
    public init(container: String) { self.container = container }
}

/// A stream that a program writes to.
public enum OutputStream: String, Sendable {
    /// Standard output.
    case stdout
    /// Standard error.
    case stderr
}
