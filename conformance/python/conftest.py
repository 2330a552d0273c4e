"""Fixtures: one server for the session, and for each test the clients of one flavour, closed at its end."""

import itertools
import os

import pytest

from harness.loop import Loop
from harness.secrets import Secrets
from harness.server import DEVELOPMENT_KEY, Hocket, parts_of
from harness.service import Service, service_class
from harness.sockets import JSON, RELIABLE, open_socket

ANY_GROUP = ["webpubsub.sendToGroup", "webpubsub.joinLeaveGroup"]


@pytest.fixture(scope="session")
def secrets():
    return Secrets()


@pytest.fixture(scope="session")
def loop():
    loop = Loop()
    yield loop
    loop.stop()


@pytest.fixture(scope="session")
def hocket(secrets):
    """The server under test: the one that HOCKET_CONNECTION_STRING names, or one that the suite starts and stops."""
    given = os.environ.get("HOCKET_CONNECTION_STRING")
    server = Hocket()
    if given:
        server.connection_string = given
        server.endpoint, server.key = parts_of(given)
    else:
        server.start()
    server.is_ours = not given
    secrets.add(server.key)
    yield server
    if server.is_ours:
        assert server.stop() == 0, "exit code after SIGTERM"


@pytest.fixture(params=["sync", "aio"])
def flavour(request):
    return request.param


@pytest.fixture
def make_service(hocket, flavour, loop, secrets):
    """Builds service clients. A hub is emptied when a test first names it, unless told otherwise."""
    made = []
    emptied = set()

    def make(hub="my-hub", connection_string=None, empty=True, **options):
        build = service_class(flavour).from_connection_string
        given = connection_string or hocket.connection_string
        service = Service(flavour, lambda **hooks: build(given, hub, **hooks, **options), loop, secrets)
        made.append(service)
        if empty and hub not in emptied:
            emptied.add(hub)
            service.close_all_connections()
        return service

    yield make
    for service in made:
        service.close()


@pytest.fixture
def service(make_service):
    """A client of hub `my-hub`, as in most documents."""
    return make_service("my-hub")


class People:
    """Opens raw sockets in a hub."""

    def __init__(self, hocket, flavour, loop, secrets):
        self._hocket, self._flavour, self._loop, self._secrets = hocket, flavour, loop, secrets
        self._opened = []
        self._fences = itertools.count(1)

    def open(self, url, subprotocol=None):
        socket = open_socket(self._flavour, self._loop, url, subprotocol)
        self._opened.append(socket)
        if subprotocol:
            assert socket.subprotocol == subprotocol
            socket.receive_connected(self._secrets)
        return socket

    def url(self, service, pin=None, **claims):
        url = service.get_client_access_token(**claims)["url"]
        if pin is None:
            return url
        if self._hocket.key != DEVELOPMENT_KEY:
            pytest.skip("connection ids can be pinned with the development key only")
        return f"{url}&hocket_connection_id={pin}"

    def simple(self, service, **claims):
        return self.open(self.url(service, **claims))

    def json(self, service, **claims):
        return self.open(self.url(service, **claims), JSON)

    def reliable(self, service, **claims):
        return self.open(self.url(service, **claims), RELIABLE)

    def received(self, service, *sockets):
        """What each of the sockets got until now: a fence is sent to the whole hub, and ends the list."""
        fence = f"fence {next(self._fences)}"
        assert service.send_to_all(message=fence, content_type="text/plain") is None
        return [socket.until(fence) for socket in sockets]

    def close(self):
        for socket in self._opened:
            socket.close()


@pytest.fixture
def people(hocket, flavour, loop, secrets):
    people = People(hocket, flavour, loop, secrets)
    yield people
    people.close()


@pytest.fixture
def make_client(flavour, loop):
    """Builds WebSocket clients of the package, closed at the end of the test."""
    from harness.clients import SdkClient

    made = []

    def make(url, **options):
        client = SdkClient(flavour, loop, url, **options)
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


def pytest_collection_modifyitems(items):
    """The search in the server's output comes last: it needs what all other tests made the server write."""
    items.sort(key=lambda item: "test_output" in item.nodeid)
