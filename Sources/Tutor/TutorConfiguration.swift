public import Engine
public import SystemPackage

/// What a tutor session is made of; the executable fills it in.
public struct TutorConfiguration: Sendable {
    /// The state directory.
    public var home: Home
    /// Docker's verbs and documents.
    public var engine: any EngineOperations
    /// The practice hub.
    public var hub: any PracticeHub
    /// The directory that holds `Lessons` and `Exercises`.
    public var content: FilePath
    /// The `drydock` executable; the `docker` on the learner's PATH is made of it.
    public var executable: FilePath
    /// The environment, of the session and of the commands it starts.
    public var environment: [String: String]
    /// The name that the hub account has when the learner does not choose one.
    public var loginName: String
    /// The language code to use (`en`, `fr`); nil for what was kept, else what the environment says.
    public var language: String?

    /// Makes a configuration; see the properties for the meaning of each part.
    public init(
        home: Home, engine: any EngineOperations, hub: any PracticeHub, content: FilePath, executable: FilePath,
        environment: [String: String], loginName: String, language: String? = nil
    ) {
        self.home = home
        self.engine = engine
        self.hub = hub
        self.content = content
        self.executable = executable
        self.environment = environment
        self.loginName = loginName
        self.language = language
    }
}
