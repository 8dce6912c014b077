public import Diagnostics
import ImageStore
import Runtime

extension Engine {
    /// See `EngineOperations`.
    public func logs(_ request: LogRequest, _ emit: (OutputStream, [UInt8]) -> Void) throws(DrydockError) {
        let (record, document) = try find(request.container)
        guard document.logging.driver != "none" else {
            throw DrydockError(
                .unsupported, "configured logging driver does not support reading",
                reason: "the container was made with --log-driver none")
        }
        var options = LogOptions()
        options.follow = request.follow
        options.tail = request.tail
        options.since = request.since
        options.until = request.until
        options.timestamps = request.timestamps
        options.details = request.details
        do {
            try runtime.logs(record.id, options) { stream, bytes in
                emit(stream == .stdout ? .stdout : .stderr, bytes)
                return true
            }
        } catch let error as DrydockError {
            throw error
        } catch {
            throw DrydockError(.system, "read the log of \(record.name): \(error)")
        }
    }
}
