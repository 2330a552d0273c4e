"""Raw WebSockets, one on websocket-client (sync) and one on aiohttp (aio), with the same face.

Text frames are kept as `str`, binary frames as `bytes`, both exactly as they came.
"""

import asyncio
import json
import queue
import threading

import aiohttp
import websocket

JSON = "json.webpubsub.azure.v1"
RELIABLE = "json.reliable.webpubsub.azure.v1"
_END = object()


class RawSocket:
    """What both kinds share: a queue of frames, and how the connection ended."""

    def __init__(self):
        self._frames = queue.Queue()
        self._ended = threading.Event()
        self.close_code = None
        self.close_reason = None
        self.connection_id = None
        self.reconnection_token = None
        self.connected_frame = None

    def receive(self, timeout=5):
        """The next frame."""
        try:
            frame = self._frames.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"no frame within {timeout} s") from None
        if frame is _END:
            self._frames.put(_END)
            raise AssertionError(f"closed with {self.close_code} {self.close_reason!r} instead of a frame")
        return frame

    def receive_json(self, timeout=5):
        return json.loads(self.receive(timeout))

    def receive_connected(self, secrets):
        """Takes the `connected` frame, which every JSON subprotocol begins with."""
        self.connected_frame = self.receive()
        connected = json.loads(self.connected_frame)
        assert (connected["type"], connected["event"]) == ("system", "connected")
        self.connection_id = connected["connectionId"]
        self.reconnection_token = connected.get("reconnectionToken")
        secrets.add(self.reconnection_token)

    def until(self, text):
        """Every frame before the first one that holds `text`."""
        before = []
        while True:
            frame = self.receive()
            if text in (frame if isinstance(frame, str) else frame.decode("latin-1")):
                return before
            before.append(frame)

    def ended(self, timeout=5):
        """Waits for the close; gives code and reason, and the frames that came before."""
        assert self._ended.wait(timeout), f"still open after {timeout} s"
        before = []
        while (frame := self._frames.get()) is not _END:
            before.append(frame)
        self._frames.put(_END)
        return (self.close_code, self.close_reason), before

    @property
    def is_open(self):
        return not self._ended.is_set()

    def request(self, ack_id, **command):
        """Sends a command and gives its ack, with anything else that came before dropped."""
        self.send(json.dumps({**command, "ackId": ack_id}))
        while True:
            frame = self.receive_json()
            if frame["type"] == "ack" and frame["ackId"] == ack_id:
                return frame

    def _end(self, code, reason):
        if not self._ended.is_set():
            self.close_code, self.close_reason = code, reason
            self._frames.put(_END)
            self._ended.set()


class SyncSocket(RawSocket):
    def __init__(self, url, subprotocols):
        super().__init__()
        self._socket = websocket.create_connection(url, subprotocols=subprotocols, timeout=10)
        self.subprotocol = self._socket.getsubprotocol()
        self._socket.settimeout(None)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        code, reason = 1006, ""
        try:
            while True:
                opcode, data = self._socket.recv_data()
                if opcode == websocket.ABNF.OPCODE_CLOSE:
                    code = int.from_bytes(data[:2], "big") if data else 1005
                    reason = data[2:].decode()
                    break
                self._frames.put(data.decode() if opcode == websocket.ABNF.OPCODE_TEXT else data)
        except (OSError, websocket.WebSocketException):
            pass
        self._end(code, reason)
        self._socket.shutdown()

    def send(self, frame):
        self._socket.send(frame, websocket.ABNF.OPCODE_TEXT if isinstance(frame, str) else websocket.ABNF.OPCODE_BINARY)

    def close(self):
        if self.is_open:
            try:
                self._socket.send_close(1000)
            except (OSError, websocket.WebSocketException):
                pass
            self._ended.wait(5)


class AioSocket(RawSocket):
    def __init__(self, loop, url, subprotocols):
        super().__init__()
        self._loop = loop
        loop.run(lambda: self._open(url, subprotocols))

    async def _open(self, url, subprotocols):
        self._session = aiohttp.ClientSession()
        try:
            self._socket = await self._session.ws_connect(url, protocols=subprotocols or (), max_msg_size=0)
        except BaseException:
            await self._session.close()
            raise
        self.subprotocol = self._socket.protocol
        self._task = asyncio.create_task(self._read())

    async def _read(self):
        code, reason = 1006, ""
        while True:
            message = await self._socket.receive()
            if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                self._frames.put(message.data)
                continue
            if message.type == aiohttp.WSMsgType.CLOSE:
                code, reason = message.data or 1005, message.extra or ""
            break
        self._end(code, reason)
        await self._session.close()

    def send(self, frame):
        self._loop.run(lambda: self._socket.send_str(frame) if isinstance(frame, str) else self._socket.send_bytes(frame))

    def close(self):
        if self.is_open:
            self._loop.run(lambda: self._socket.close(code=1000))
            self._ended.wait(5)


class Refused(AssertionError):
    """The handshake got another answer than 101. Says so without the URL, which holds a token."""

    def __init__(self, status):
        super().__init__(f"the handshake was refused with {status}")
        self.status = status


def open_socket(flavour, loop, url, subprotocol=None):
    """Opens a raw WebSocket with the library that belongs to the flavour."""
    subprotocols = [subprotocol] if subprotocol else None
    try:
        return SyncSocket(url, subprotocols) if flavour == "sync" else AioSocket(loop, url, subprotocols)
    except websocket.WebSocketBadStatusException as error:
        raise Refused(error.status_code) from None
    except aiohttp.WSServerHandshakeError as error:
        raise Refused(error.status) from None


def refused_with(flavour, loop, url, subprotocol=None):
    """The HTTP status of a handshake that must not succeed."""
    try:
        open_socket(flavour, loop, url, subprotocol).close()
    except Refused as refused:
        return refused.status
    raise AssertionError("the handshake succeeded")
