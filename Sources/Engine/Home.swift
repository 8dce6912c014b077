public import SystemPackage

/// Where everything of one Drydock is kept (`DRYDOCK_HOME`): two homes never see each other.
public struct Home: Sendable, Hashable {
    /// The directory.
    public let path: FilePath

    /// Makes a home from its absolute path.
    public init(_ path: FilePath) { self.path = path.lexicallyNormalized() }

    /// The home that an environment names: `DRYDOCK_HOME`, else `$XDG_DATA_HOME/drydock`, else
    /// `~/.local/share/drydock`.
    public init(environment: [String: String]) {
        if let home = environment["DRYDOCK_HOME"], !home.isEmpty {
            self.init(FilePath(home))
        } else if let data = environment["XDG_DATA_HOME"], data.hasPrefix("/") {
            self.init(FilePath(data).appending("drydock"))
        } else {
            self.init(FilePath(environment["HOME"] ?? "/").appending(".local/share/drydock"))
        }
    }

    /// The image store.
    public var store: FilePath { path.appending("store") }
    /// One directory for each container.
    public var containers: FilePath { path.appending("containers") }
    /// The practice hub's data.
    public var hub: FilePath { path.appending("hub") }
    /// Registry credentials, in the format of Docker's `config.json`.
    public var dockerConfig: FilePath { path.appending("docker/config.json") }
    /// The learner's progress.
    public var progress: FilePath { path.appending("progress.sqlite") }
    /// The history of the prompt.
    public var history: FilePath { path.appending("history") }
    /// What the prompt and `drydock config` keep: language, user name.
    public var settings: FilePath { path.appending("settings.json") }
    /// The traces of the last docker commands.
    public var traces: FilePath { path.appending("traces") }
    /// The learner's working directories, one for each exercise.
    public var workspaces: FilePath { path.appending("workspace") }
    /// What happened: the events of `docker events`.
    public var events: FilePath { path.appending("events") }
    /// What is put first on the learner's PATH.
    public var bin: FilePath { path.appending("bin") }
}
