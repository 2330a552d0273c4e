"""SIGTERM and a new start on the same port: running clients come back by themselves, into their groups."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import ANY_GROUP
from harness.clients import SdkClient
from harness.server import Hocket, free_port
from harness.service import Service, service_class
from harness.waiting import wait_until

pytestmark = pytest.mark.newest
KEY = "a-key-of-this-test-alone-0123456789-abcdefghijkl"
CLIENTS = 4
# The sync package misses the wake-up of a refused port, and waits for its start timeout of 30 s then.
LIMITS = {"aio": 5, "sync": 35}


@pytest.fixture
def own_server(hocket, secrets):
    """A server with a key that is not the public one, on a port that it gets again."""
    if not hocket.is_ours:
        pytest.skip("needs a server of its own")
    secrets.add(KEY)
    servers = [Hocket(port=free_port(), environment={"HOCKET_ACCESS_KEY": KEY})]
    servers[0].start()

    def restart():
        assert servers[-1].stop() == 0
        servers.append(Hocket(port=servers[0].port, environment={"HOCKET_ACCESS_KEY": KEY}))
        servers[-1].start()

    yield servers, restart
    assert servers[-1].stop() == 0


def test_clients_are_back_in_their_groups(own_server, loop, secrets):
    servers, restart = own_server
    connection_string = f"Endpoint={servers[0].endpoint};AccessKey={KEY};Version=1.0;"
    build = service_class("sync").from_connection_string
    service = Service("sync", lambda **hooks: build(connection_string, "my-hub", **hooks), loop, secrets)

    def enter(user):
        # The package's own limit for opening; a missed wake-up while joining says nothing about the restart.
        flavour = user.split()[0]
        url = service.get_client_access_token(user_id=user, roles=ANY_GROUP)["url"]
        client = SdkClient(flavour, loop, url, **({"start_timeout": 30.0} if flavour == "sync" else {}))
        client.open()
        client.wait("connected")
        client.join_group("my-group")
        return client

    users = [f"{flavour} {number}" for flavour in LIMITS for number in range(CLIENTS)]
    with ThreadPoolExecutor(len(users)) as pool:
        clients = dict(zip(users, pool.map(enter, users)))
    members = lambda: {member.user_id for member in service.members(group="my-group")}  # noqa: E731
    assert members() == set(clients)

    restart()
    began = time.monotonic()
    for flavour, limit in LIMITS.items():
        expected = {user for user in clients if user.startswith(flavour)}
        left = limit - (time.monotonic() - began)
        wait_until(lambda: members() >= expected, f"{flavour} clients in the group", timeout=left)

    service.send_to_group(group="my-group", message="welcome back", content_type="text/plain")
    for client in clients.values():
        assert [message.data for message in client.wait("group-message")] == ["welcome back"]
        assert client.all("stopped") == client.all("rejoin-group-failed") == []
        first, second = client.all("connected")
        assert first.connection_id != second.connection_id
        client.close()
    service.close()
    for server in servers:
        assert secrets.found_in("".join(server.log_lines())) == []
