"""Behind a proxy that changes host and path prefix."""

import pytest
from conftest import ANY_GROUP, People
from harness.reverse_proxy import ReverseProxy
from harness.server import Hocket, free_port
from harness.service import Service, service_class
from harness.waiting import wait_until


@pytest.fixture
def proxy(hocket):
    proxy = ReverseProxy(hocket.endpoint)
    yield proxy
    proxy.close()


def test_the_service_client_goes_through_the_proxy_that_it_is_told(make_service, service, people, proxy):
    somebody = people.simple(service, user_id="user123")
    behind = make_service(reverse_proxy_endpoint=proxy.endpoint)
    behind.send_to_all(message="through the proxy", content_type="text/plain")
    assert behind.user_exists(user_id="user123") is True
    assert people.received(service, somebody) == [["through the proxy"]]
    assert [request.split("?")[0] for request in proxy.requests[-2:]] == [
        "POST /gate/api/hubs/my-hub/:send",
        "HEAD /gate/api/hubs/my-hub/users/user123",
    ]


@pytest.fixture(scope="module")
def behind(hocket, secrets):
    """A server that names a proxy's address as its public one, and the proxy."""
    if not hocket.is_ours:
        pytest.skip("needs a server of its own")
    port = free_port()
    proxy = ReverseProxy(f"http://127.0.0.1:{port}")
    server = Hocket(port=port, environment={"HOCKET_PUBLIC_ENDPOINTS": proxy.endpoint}).start()
    assert server.endpoint == proxy.endpoint
    secrets.add(server.key)
    yield server, proxy
    proxy.close()
    assert server.stop() == 0
    assert secrets.found_in("".join(server.log_lines())) == []


@pytest.fixture
def public_service(behind, flavour, loop, secrets):
    server, proxy = behind
    build = service_class(flavour).from_connection_string
    connection_string = f"Endpoint={proxy.endpoint};AccessKey={server.key};Version=1.0;"
    service = Service(flavour, lambda **hooks: build(connection_string, "my-hub", **hooks), loop, secrets)
    yield service
    service.close_all_connections()
    service.close()


@pytest.mark.newest
def test_a_public_endpoint_serves_calls_listings_and_clients(behind, public_service, flavour, loop, secrets):
    people = People(behind[0], flavour, loop, secrets)
    service = public_service
    members = [people.json(service, user_id=f"user {number}", groups=["my-group"]) for number in range(3)]
    service.send_to_group(group="my-group", message="hi", content_type="text/plain")
    assert [len(each) for each in people.received(service, *members)] == [1, 1, 1]
    # One member a page: every link names the public endpoint, or the package could not follow it.
    listed = [member.user_id for page in service.pages(group="my-group", maxpagesize=1) for member in page]
    assert sorted(listed) == ["user 0", "user 1", "user 2"]
    assert all(f" {behind[1].endpoint}/api/hubs/" in request for request in service.requests)
    people.close()


@pytest.mark.newest
def test_the_websocket_client_connects_through_a_public_endpoint(behind, public_service, make_client):
    token = public_service.get_client_access_token(user_id="user123", roles=ANY_GROUP)
    assert token["url"].startswith(f"ws{behind[1].endpoint[4:]}/client/hubs/my-hub?")
    client = make_client(token["url"])
    client.open()
    client.join_group("my-group")
    client.send_to_group("my-group", "hi", "text")
    assert client.wait("group-message")[0].data == "hi"


def test_without_a_public_endpoint_the_refusal_is_explained_in_the_log(hocket, make_service, proxy):
    """A connection string that names the proxy, and a server that has never heard of it."""
    from azure.core.exceptions import ClientAuthenticationError

    if not hocket.is_ours:
        pytest.skip("needs the server's output")
    given = f"Endpoint={proxy.endpoint};AccessKey={hocket.key}"
    service = make_service("unheard-of", connection_string=given, empty=False)
    with pytest.raises(ClientAuthenticationError):
        service.send_to_all(message="hi", content_type="text/plain")

    def explained():
        found = f"{proxy.endpoint}/api/hubs/unheard-of/:send"
        expected = f"{hocket.endpoint}/api/hubs/unheard-of/:send"
        return any(
            found.split("//")[1] in line and expected.split("//")[1] in line for line in hocket.text().splitlines()
        )

    wait_until(explained, "a log line with the audience of the token and the expected one")
