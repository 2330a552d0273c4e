"""A small reverse proxy that changes host and path prefix: `http://127.0.0.1:port/gate/...` becomes `endpoint/...`."""

import socket
import threading
from urllib.parse import urlsplit

from harness.forwarder import pump, stop_listening


class ReverseProxy:
    def __init__(self, endpoint, prefix="/gate"):
        self._prefix = prefix
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}{prefix}"
        self.requests = []
        self._target = urlsplit(endpoint)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._handle, args=(near,), daemon=True).start()

    def _handle(self, near):
        received = b""
        while b"\r\n\r\n" not in received:
            data = near.recv(65536)
            if not data:
                return near.close()
            received += data
        head, body = received.split(b"\r\n\r\n", 1)
        request_line, *headers = head.decode("latin-1").split("\r\n")
        method, path, version = request_line.split(" ")
        self.requests.append(f"{method} {path}")
        if not path.startswith(f"{self._prefix}/"):
            near.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return near.close()
        upgrade = any(header.lower().startswith("upgrade:") for header in headers)
        headers = [header for header in headers if not header.lower().startswith("host:")]
        if not upgrade:
            headers = [header for header in headers if not header.lower().startswith("connection:")]
            headers.append("Connection: close")
        lines = [f"{method} {path[len(self._prefix):]} {version}", f"Host: {self._target.netloc}", *headers]
        far = socket.create_connection((self._target.hostname, self._target.port), timeout=10)
        far.settimeout(None)
        far.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        threading.Thread(target=pump, args=(near, far), daemon=True).start()
        pump(far, near)

    def close(self):
        stop_listening(self._listener)
