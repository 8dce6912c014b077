/// The names of the trace events of a pull and a push, from which progress displays are drawn.
///
/// A layer is a span named `layer` or `push.layer` whose `begin` carries `id` (12 digits: text) and `size` (bytes).
/// Inside it `progress` events tell bytes, and a fact `phase` (text) tells what is going on.
public enum TransferEvents {
    /// The span of one reference being pulled; facts `reference`, `tag`, `repository` (text).
    public static let pull = "pull"
    /// The span of one layer of a pull; facts `id`, `size`, `digest`.
    public static let pullLayer = "pull.layer"
    /// The span of one reference being pushed; facts `reference`, `repository`, `tag` (text).
    public static let push = "push"
    /// The span of one layer of a push; facts `id`, `size`, `digest`.
    public static let pushLayer = "push.layer"
    /// The fact that tells how many bytes of a layer (bytes) an interrupted pull had left: it goes on behind them.
    public static let continued = "continued-at"
    /// The span of one layer of an archive that is loaded; facts `id`, `size`.
    public static let loadLayer = "load.layer"
    /// The fact that names the phase of a layer.
    public static let phase = "phase"

    /// The phases of a layer, with Docker's words.
    public enum Phase: String, Sendable {
        /// Known, nothing done yet.
        case pulling = "Pulling fs layer"
        /// Others go first.
        case waiting = "Waiting"
        /// Bytes are coming; progress events follow.
        case downloading = "Downloading"
        /// The bytes have their digest.
        case verifying = "Verifying Checksum"
        /// All bytes are here.
        case downloaded = "Download complete"
        /// Files are being written; progress events follow.
        case extracting = "Extracting"
        /// Done.
        case complete = "Pull complete"
        /// It was here already.
        case exists = "Already exists"
        /// A layer of an archive is taken in; progress events follow.
        case loading = "Loading layer"
        /// A push prepares.
        case preparing = "Preparing"
        /// Bytes are going; progress events follow.
        case pushing = "Pushing"
        /// Done.
        case pushed = "Pushed"
        /// The registry had it.
        case remoteExists = "Layer already exists"
        /// It may not be given away.
        case skippedForeign = "Skipped foreign layer"
        /// The registry took it from another repository; the fact `from` (text) names it.
        case mounted = "Mounted from"
    }
}
