import SystemPackage

/// The time since the machine was last started.
public enum Boot {
    /// Its name, another one each time (`/proc/sys/kernel/random/boot_id`).
    public static var identity: String { Files.line("/proc/sys/kernel/random/boot_id") ?? "" }
}
