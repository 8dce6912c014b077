import Diagnostics
import Linux
import SystemPackage

/// How a container is really connected, after what was asked for has met what this machine can do.
struct NetworkChoice {
    /// `bridge`, `pasta`, `slirp4netns`, `isolated`, `host`, `none`.
    let kind: String
    /// What is lost, for the user to be told once.
    let notices: [String]

    init(_ mode: NetworkMode, _ privilege: UserNamespace.Privilege) throws(DrydockError) {
        switch mode {
        case .host: (kind, notices) = ("host", [])
        case .none: (kind, notices) = ("none", [])
        case .container: (kind, notices) = ("container", [])
        case .bridge where privilege == .root:
            let lost = AddressTranslation.programs.contains { ChildProcess.find($0) != nil }
            kind = "bridge"
            notices =
                lost
                ? []
                : ["neither iptables nor nft is installed: containers reach each other and the hub, not the internet"]
        case .bridge:
            let helper = ["pasta", "slirp4netns"].first { ChildProcess.find($0) != nil }
            let lost = "the container reaches the practice hub and nothing else"
            if helper == nil {
                (kind, notices) = ("isolated", ["neither pasta nor slirp4netns is installed: \(lost)"])
            } else if let helper, Files.isWritable("/dev/net/tun") {
                (kind, notices) = (helper, [])
            } else {
                (kind, notices) = ("isolated", ["/dev/net/tun may not be opened by this user: \(lost)"])
            }
        }
    }
}
