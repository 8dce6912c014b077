import CLinux
import Linux

/// A published UDP port: what comes to a socket of the host goes on to the container, and what the container answers goes
/// back to whoever asked. Each sender has a socket of its own towards the container, as with Docker's proxy, so that
/// the answers can be told apart.
final class DatagramRelay: Publication {
    private final class Conversation {
        let peer: UDPSocket.Peer
        let socket: OwnedDescriptor
        var used: UInt64

        init(_ peer: UDPSocket.Peer, _ socket: OwnedDescriptor) {
            self.peer = peer
            self.socket = socket
            used = cl_now()
        }
    }

    private let socket: OwnedDescriptor
    private let target: UDPSocket.Peer
    private let namespace: OwnedDescriptor
    private let loop: EventLoop
    private var conversations: [UDPSocket.Peer: Conversation] = [:]
    private var tidying: EventLoop.Timer?

    /// Who is silent for so long, in nanoseconds, is forgotten: Docker's time.
    private static let silence: UInt64 = 90_000_000_000
    /// More senders than this are not remembered: those that were silent longest are forgotten.
    private static let most = 256
    /// Datagrams that are handled before others get their turn.
    private static let atOnce = 64

    init(_ socket: OwnedDescriptor, _ loop: EventLoop, to target: UDPSocket.Peer, in namespace: OwnedDescriptor) {
        self.socket = socket
        self.loop = loop
        self.target = target
        self.namespace = namespace
        loop.watch(socket.number, .read) { [weak self] _ in self?.asked() }
    }

    func close() {
        loop.cancel(tidying)
        loop.forget(socket.number)
        socket.close()
        for conversation in conversations.values { end(conversation) }
        conversations = [:]
    }

    private func end(_ conversation: Conversation) {
        loop.forget(conversation.socket.number)
        conversation.socket.close()
    }

    /// Takes what has come. The room is there only meanwhile: the monitor is small.
    private func handle(_ number: Int32, _ take: (UnsafeRawBufferPointer, UDPSocket.Peer) -> Void) {
        withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 16) { area in
            for _ in 0..<Self.atOnce {
                guard number >= 0, let (count, peer) = UDPSocket.receive(number, into: area) else { return }
                take(UnsafeRawBufferPointer(rebasing: area[..<count]), peer)
            }
        }
    }

    private func asked() {
        handle(socket.number) { bytes, peer in
            guard let conversation = conversations[peer] ?? begin(peer) else { return }
            conversation.used = cl_now()
            UDPSocket.send(bytes, on: conversation.socket.number, to: nil)
        }
    }

    private func begin(_ peer: UDPSocket.Peer) -> Conversation? {
        if conversations.count >= Self.most, let oldest = conversations.values.min(by: { $0.used < $1.used }) {
            end(oldest)
            conversations[oldest.peer] = nil
        }
        guard let inside = UDPSocket.connect(target, namespace: namespace.number) else { return nil }
        let conversation = Conversation(peer, inside)
        conversations[peer] = conversation
        loop.watch(inside.number, .read) { [weak self, weak conversation] _ in
            guard let self, let conversation else { return }
            answered(conversation)
        }
        if tidying == nil { tidyLater() }
        return conversation
    }

    private func answered(_ conversation: Conversation) {
        handle(conversation.socket.number) { bytes, _ in
            conversation.used = cl_now()
            UDPSocket.send(bytes, on: socket.number, to: conversation.peer)
        }
    }

    private func tidyLater() {
        tidying = loop.after(Int64(Self.silence / 3)) { [weak self] in
            guard let self else { return }
            let now = cl_now()
            for (peer, conversation) in conversations where now - conversation.used > Self.silence {
                end(conversation)
                conversations[peer] = nil
            }
            tidying = nil
            if !conversations.isEmpty { tidyLater() }
        }
    }
}
