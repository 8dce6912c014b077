import CLinux
import Diagnostics
import Glibc
import Linux
import SystemPackage

/// Starts one process for `drydock runtime` and ends: whoever waits above inherits the process.
struct SingleLaunch {
    private let settings: MonitorSettings
    private let client: OwnedDescriptor

    init(_ settings: MonitorSettings, _ client: OwnedDescriptor) {
        self.settings = settings
        self.client = client
    }

    func run(_ plan: [UInt8]) -> Int32 {
        do throws(LaunchFailure) {
            let parent: ParentOperations
            var target: ProcessHandle?
            do throws(DrydockError) {
                parent = ParentOperations(try EventLoop())
                if settings.target > 0 { target = try ProcessHandle(settings.target) }
            } catch {
                throw LaunchFailure(error)
            }
            do throws(LaunchFailure) {
                let started = try Launcher(
                    settings: settings, parent: parent, target: target?.descriptor.number ?? -1
                ).launch(plan)
                let pid = started.handle.pid
                let times = started.times.map { JSONValue.array([.int(Int64($0.begun)), .int(Int64($0.done))]) }
                answer(
                    Frame(
                        .started,
                        Array(
                            JSONValue.object([
                                ("pid", .int(Int64(pid))),
                                ("startTime", .int(Int64(ProcessHandle.startTime(pid) ?? 0))),
                                ("times", .array(times)),
                                (
                                    "cgroups",
                                    .array((parent.cgroup?.places ?? []).map { .string($0.string) })
                                ),
                            ]).compact.utf8)))
                return 0
            } catch {
                if settings.target == 0 { parent.undo() }
                throw error
            }
        } catch {
            answer(Frame(.failed, Array(error.json.compact.utf8)))
            return 1
        }
    }

    private func answer(_ frame: Frame) { try? Files.write(frame.bytes, to: client.number) }
}
