"""The WebSocket client of either flavour behind one face, with its events kept in order of arrival."""

import threading
from importlib import import_module

from harness.waiting import wait_until

EVENTS = ("connected", "disconnected", "stopped", "server-message", "group-message", "rejoin-group-failed")


def client_class(flavour):
    module = "azure.messaging.webpubsubclient" + (".aio" if flavour == "aio" else "")
    return import_module(module).WebPubSubClient


class SdkClient:
    """`real` is the package's client.

    The sync package misses a wake-up now and then and then waits for the whole of `ack_timeout` or `start_timeout`
    although all went well, so both are short here unless a test says otherwise.
    """

    def __init__(self, flavour, loop, url, **options):
        if flavour == "sync":
            options = {"ack_timeout": 3.0, "start_timeout": 3.0, **options}
        self._run = (lambda call: call()) if flavour == "sync" else loop.run
        self._lock = threading.Lock()
        self.events = []
        self.real = self._run(lambda: client_class(flavour)(url, **options))
        for event in EVENTS:
            self.subscribe(event, self._listener(flavour, event))

    def _listener(self, flavour, event):
        def keep(*arguments):
            with self._lock:
                self.events.append((event, arguments[0] if arguments else None))

        async def keep_aio(*arguments):
            keep(*arguments)

        return keep if flavour == "sync" else keep_aio

    def __getattr__(self, name):
        attribute = getattr(self.real, name)

        def call(*arguments, **keywords):
            return self._run(lambda: attribute(*arguments, **keywords))

        return call

    def all(self, event):
        with self._lock:
            found = [arguments for name, arguments in self.events if name == event]
        if event.endswith("-message") and all(arguments.sequence_id for arguments in found):
            # sync calls each listener on a thread of its own, so the numbers tell the order
            found.sort(key=lambda arguments: arguments.sequence_id)
        return found

    def wait(self, event, count=1, timeout=10):
        """Waits until `event` was raised `count` times, and gives all of them."""
        wait_until(lambda: len(self.all(event)) >= count, f"{count} times '{event}', seen {self.events}", timeout)
        return self.all(event)
