"""A TCP forwarder between client and server, whose connections can be cut from outside."""

import socket
import struct
import threading
from urllib.parse import urlsplit

# Close with a reset instead of a FIN.
RESET = struct.pack("ii", 1, 0)


class Forwarder:
    def __init__(self, endpoint):
        target = urlsplit(endpoint)
        self._target = (target.hostname, target.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._lock = threading.Lock()
        self._pairs = []
        self._refusing = False
        self.accepted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def through(self, url):
        """The same URL, by way of the forwarder."""
        return urlsplit(url)._replace(netloc=self.address).geturl()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
                if self._refusing:
                    _reset(near)
                    continue
                try:
                    far = socket.create_connection(self._target, timeout=5)
                except OSError:
                    _reset(near)
                    continue
                far.settimeout(None)
                self._pairs.append((near, far))
            threading.Thread(target=pump, args=(near, far), daemon=True).start()
            threading.Thread(target=pump, args=(far, near), daemon=True).start()

    def cut(self):
        """Ends every connection on both sides without a close frame."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for side in pair:
                _end(side)

    def refuse(self, refusing):
        with self._lock:
            self._refusing = refusing

    def close(self):
        stop_listening(self._listener)
        self.cut()


def stop_listening(listener):
    try:
        listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits in accept()
    except OSError:
        pass
    listener.close()


def _reset(side):
    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    side.close()


def _end(side):
    try:
        side.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    side.close()


def pump(source, sink):
    """Copies until one side ends, then ends both."""
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        pass
    _end(source)
    _end(sink)
