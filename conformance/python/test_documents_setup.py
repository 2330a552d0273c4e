"""S1 to S7, S37 and S43: install, configure, build clients, make client tokens."""

import asyncio
import os
import re
import socket
from importlib.metadata import version
from pathlib import Path

import jwt
import pytest
from azure.core.credentials import AzureKeyCredential
from harness import frames
from harness.service import Service, service_class

REQUIREMENTS = Path(__file__).parent / "requirements"


def decoded(token, key):
    return jwt.decode(token, key, algorithms=["HS256"], options={"verify_aud": False})


@pytest.fixture
def unused_endpoint():
    """An address where somebody counts the connections that arrive."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)

        def arrived():
            try:
                listener.accept()[0].close()
                return True
            except BlockingIOError:
                return False

        yield f"http://127.0.0.1:{listener.getsockname()[1]}", arrived


def test_s43_exactly_the_pinned_versions_are_installed():
    name = "newest" if version("azure-messaging-webpubsubservice") != "1.0.1" else "service-1.0.1"
    pinned = re.findall(r"^([\w.-]+)(?:\[\w+\])?==(\S+)$", (REQUIREMENTS / f"{name}.txt").read_text(), re.MULTILINE)
    assert len(pinned) > 20
    assert {package: version(package) for package, _ in pinned} == dict(pinned)


def test_s1_configures_itself_from_the_environment(hocket, make_service, monkeypatch):
    monkeypatch.setenv("AZURE_WEBPUBSUB_CONNECTION_STRING", f"Endpoint={hocket.endpoint};AccessKey={hocket.key}")
    monkeypatch.setenv("AZURE_WEBPUBSUB_HUB", "my-hub")
    client = make_service(
        connection_string=os.environ["AZURE_WEBPUBSUB_CONNECTION_STRING"], hub=os.environ["AZURE_WEBPUBSUB_HUB"]
    )
    assert client.send_to_all(message="Hello everyone!", content_type="text/plain") is None
    assert client.statuses[-1] == 202


def test_s41_each_version_of_the_package_names_its_api_version(service):
    service.send_to_all(message="Hello world", content_type="text/plain")
    api_version = {"1.0.1": "2021-10-01", "1.3.0": "2024-12-01"}[version("azure-messaging-webpubsubservice")]
    assert service.requests[-1].endswith(f"/api/hubs/my-hub/:send?api-version={api_version}")


@pytest.mark.old
def test_s41_a_filter_is_no_keyword_of_1_0_1(service, flavour):
    method = "Session.request()" if flavour == "sync" else "ClientSession._request()"
    with pytest.raises(TypeError) as failure:
        service.send_to_all(message="x", content_type="text/plain", filter="userId eq 'user123'")
    assert f"{method} got an unexpected keyword argument 'filter'" in str(failure.value)


@pytest.mark.parametrize("ending", ["", ";", ";Version=1.0;"])
def test_s2_a_connection_string_is_read_without_network(flavour, loop, unused_endpoint, ending):
    endpoint, arrived = unused_endpoint
    key = "a-key-with-equal-signs-and-32-bytes-or-more=="
    connection_string = f"Endpoint={endpoint};AccessKey={key}{ending}"
    build = service_class(flavour).from_connection_string
    for client in (build(connection_string=connection_string, hub="hub"), build(connection_string, hub="hub")):
        token = loop.run(lambda: client.get_client_access_token())
        assert decoded(token["token"], key)["aud"] == f"{endpoint}/client/hubs/hub"
        loop.run(client.close)
    assert not arrived()


def test_s2_a_client_from_a_connection_string_works(make_service):
    assert make_service("hub").send_to_all(message="Hello world", content_type="text/plain") is None


def test_s3_a_client_from_endpoint_and_key_works_as_well(hocket, flavour, loop, secrets):
    def make(**hooks):
        credential = AzureKeyCredential(hocket.key)
        return service_class(flavour)(endpoint=hocket.endpoint, hub="hub", credential=credential, **hooks)

    client = Service(flavour, make, loop, secrets)
    assert client.send_to_all(message="Hello world", content_type="text/plain") is None
    assert client.get_client_access_token()["baseUrl"] == f"ws{hocket.endpoint[4:]}/client/hubs/hub"
    client.close()


def test_s5_an_anonymous_token_opens_a_connection_without_user(hocket, service, people):
    token = service.get_client_access_token()
    assert token["baseUrl"] == f"ws{hocket.endpoint[4:]}/client/hubs/my-hub"
    assert f"URL: {token['url']}" == f"URL: {token['baseUrl']}?access_token={token['token']}"
    claims = decoded(token["token"], hocket.key)
    assert set(claims) == {"aud", "iat", "exp"}
    assert claims["exp"] - claims["iat"] in (3600, 3601)  # the package reads the clock twice
    somebody = people.json(service)
    assert somebody.connected_frame == frames.connected(None, somebody.connection_id)


def test_s6_a_token_with_user_and_roles_may_join_and_send_to_any_group(hocket, service, people):
    roles = ["webpubsub.sendToGroup", "webpubsub.joinLeaveGroup"]
    token = service.get_client_access_token(user_id="user123", roles=roles)
    claims = decoded(token["token"], hocket.key)
    assert (claims["sub"], claims["role"]) == ("user123", roles)

    user = people.json(service, user_id="user123", roles=roles)
    assert user.connected_frame == frames.connected("user123", user.connection_id)
    for ack_id, group in enumerate(["my-group", "any other group"]):
        user.send(f'{{"type":"joinGroup","group":"{group}","ackId":{ack_id}}}')
        assert user.receive() == f'{{"type":"ack","ackId":{ack_id},"success":true}}'
    user.send('{"type":"sendToGroup","group":"my-group","dataType":"text","data":"hi","ackId":7}')
    both = {user.receive(), user.receive()}
    assert both == {frames.from_group("my-group", "text", '"hi"', "user123"), '{"type":"ack","ackId":7,"success":true}'}


@pytest.mark.newest
def test_s7_a_token_with_groups_puts_the_connection_into_them(hocket, service, people):
    token = service.get_client_access_token(user_id="user123", groups=["group1", "group2"])
    assert decoded(token["token"], hocket.key)["webpubsub.group"] == ["group1", "group2"]
    member = people.simple(service, user_id="user123", groups=["group1", "group2"])
    for group in ["group1", "group2", "group3"]:
        service.send_to_group(group=group, message=f"to {group}", content_type="text/plain")
    assert people.received(service, member) == [["to group1", "to group2"]]
    assert [service.group_exists(group=group) for group in ["group1", "group2", "group3"]] == [True, True, False]


def test_s37_the_nine_operations_of_the_table_are_there(flavour):
    names = """get_client_access_token send_to_all send_to_user send_to_group send_to_connection
               add_user_to_group remove_user_from_group close_connection connection_exists"""
    client = service_class(flavour).from_connection_string("Endpoint=http://localhost;AccessKey=" + "k" * 40, "my-hub")
    assert [name for name in names.split() if not callable(getattr(client, name))] == []


def test_the_async_sample_works_as_a_program_of_its_own(hocket, make_service, people, secrets):
    """The calls of S34 with a key, since its Entra credential needs https."""
    from azure.messaging.webpubsubservice.aio import WebPubSubServiceClient

    service = make_service("my-hub")
    somebody = people.simple(service)

    async def broadcast():
        credential = AzureKeyCredential(hocket.key)
        client = WebPubSubServiceClient(
            endpoint=hocket.endpoint, hub="my-hub", credential=credential, raw_request_hook=secrets.see_request
        )
        assert await client.send_to_all("Hello async!", content_type="text/plain") is None
        await client.close()

    asyncio.run(broadcast())
    assert people.received(service, somebody) == [["Hello async!"]]
