"""S28 to S33: the WebSocket client of the package."""

import logging
import socket
import time

import pytest
from conftest import ANY_GROUP
from harness import frames
from harness.waiting import wait_until

pytestmark = pytest.mark.newest


@pytest.fixture
def verbatim(flavour, loop):
    """The client as the documents build it: with its defaults."""
    from harness.clients import client_class

    return lambda token: client_class(flavour)(credential=token["url"])


@pytest.fixture
def run(flavour, loop):
    return (lambda call: call()) if flavour == "sync" else loop.run


def test_s28_a_client_is_made_from_a_token_url_without_network(hocket, service, verbatim):
    token = service.get_client_access_token(user_id="user123", groups=["group1", "group2"])
    client = verbatim(token)
    assert client.is_connected() is False
    assert service.user_exists(user_id="user123") is False


@pytest.mark.parametrize("event", ["connected", "server-message", "group-message"], ids=["s29", "s30", "s31"])
def test_s29_to_s31_there_is_no_on(service, verbatim, event):
    client = verbatim(service.get_client_access_token())
    with pytest.raises(AttributeError) as failure:

        @client.on(event)
        def handler(e):
            raise AssertionError("never registered")

    assert str(failure.value) == "'WebPubSubClient' object has no attribute 'on'"


def test_s29_to_s31_subscribe_gives_the_three_events(service, people, make_client):
    client = make_client(people.url(service, user_id="user123", groups=["my-group"]))
    client.open()
    connected = client.wait("connected")[0]
    assert connected.user_id == "user123"
    assert service.connection_exists(connection_id=connected.connection_id) is True

    service.send_to_all(message="text", content_type="text/plain")
    service.send_to_all(message={"a": [1, None, "ü"]})
    service.send_to_all(message=b"\x00\xff", content_type="application/octet-stream")
    got = [(e.data_type, bytes(e.data) if e.data_type == "binary" else e.data) for e in client.wait("server-message", 3)]
    assert got == [("text", "text"), ("json", {"a": [1, None, "ü"]}), ("binary", b"\x00\xff")]

    service.send_to_group(group="my-group", message="Hello group!", content_type="text/plain")
    group_message = client.wait("group-message")[0]
    assert (group_message.group, group_message.data, group_message.from_user_id) == ("my-group", "Hello group!", None)
    assert [e.sequence_id for e in client.all("server-message")] + [group_message.sequence_id] == [1, 2, 3, 4]
    assert len(client.all("connected")) == 1


def test_s29_an_anonymous_client_has_no_user(service, people, make_client):
    client = make_client(people.url(service))
    client.open()
    assert client.wait("connected")[0].user_id is None


def test_the_plain_json_protocol_works_as_well(service, people, make_client):
    client = make_client(people.url(service, roles=ANY_GROUP), protocol_type="json.webpubsub.azure.v1")
    client.open()
    client.wait("connected")
    client.join_group("my-group")
    client.send_to_group("my-group", "Hello from Python!", "text")
    message = client.wait("group-message")[0]
    assert message.data == "Hello from Python!"


def test_s32_open_connects_and_close_ends_the_connection_for_good(service, people, make_client):
    client = make_client(people.url(service, user_id="user123"))
    client.open()
    assert client.is_connected() is True
    assert service.user_exists(user_id="user123") is True
    client.close()
    assert client.is_connected() is False
    wait_until(lambda: not service.user_exists(user_id="user123"), "the user is gone, long before 30 s", timeout=3)


@pytest.mark.parametrize("what", ["expired", "signature", "hub", "missing"])
def test_s32_a_refused_token_is_told_at_once(hocket, service, secrets, people, make_client, flavour, what):
    from azure.messaging.webpubsubclient.models import OpenClientError

    expired = service.get_client_access_token(minutes_to_expire=-10)["url"]
    valid = people.url(service)
    url = {
        "expired": expired,
        "signature": valid[:-4] + ("AAAA" if valid[-4:] != "AAAA" else "BBBB"),
        "hub": valid.replace("/my-hub?", "/another-hub?"),
        "missing": valid.split("?")[0],
    }[what]
    client = make_client(url)
    began = time.monotonic()
    with pytest.raises(OpenClientError) as failure:
        client.open()
    if flavour == "sync":
        assert "Handshake status 401" in str(failure.value)
    else:
        assert "401, message='Invalid response status'" in str(failure.value)
        assert time.monotonic() - began < 2
    assert client.all("connected") == []


def test_s32_a_closed_port_is_an_error(make_client, flavour):
    from azure.messaging.webpubsubclient.models import OpenClientError

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        client = make_client(f"ws://127.0.0.1:{closed.getsockname()[1]}/client/hubs/my-hub", start_timeout=1)
        with pytest.raises(OpenClientError):
            client.open()
    assert client.is_connected() is False


def test_s33_the_data_type_is_missing_in_the_sample(service, verbatim, run):
    client = verbatim(service.get_client_access_token())
    with pytest.raises(TypeError) as failure:
        run(lambda: client.send_to_group("my-group", "Hello from Python!"))
    expected = "WebPubSubClient.send_to_group() missing 1 required positional argument: 'data_type'"
    assert str(failure.value) == expected


def test_s33_without_the_role_the_send_fails_after_four_attempts(service, people, make_client, caplog):
    from azure.messaging.webpubsubclient.models import SendMessageError

    url = people.url(service, user_id="user123", groups=["group1", "group2"])
    client = make_client(url, logging_enable=True, message_retry_backoff_factor=0.1, ack_timeout=10)
    client.open()
    client.wait("connected")
    with caplog.at_level(logging.DEBUG, "azure.messaging.webpubsubclient"), pytest.raises(SendMessageError) as failure:
        client.send_to_group("my-group", "Hello from Python!", "text")
    assert failure.value.error_detail.name == "Forbidden"
    assert failure.value.error_detail.message == frames.SEND_FORBIDDEN.format(group="my-group")
    attempts = [record.getMessage() for record in caplog.records if '"type": "sendToGroup"' in record.getMessage()]
    assert [f'"ackId": {ack_id}' in attempts[ack_id - 1] for ack_id in range(1, len(attempts) + 1)] == [True] * 4


def test_s33_with_role_and_data_type_the_members_get_it(service, people, make_client):
    member = people.json(service, groups=["my-group"])
    client = make_client(people.url(service, user_id="user123", roles=ANY_GROUP))
    client.open()
    client.wait("connected")
    client.send_to_group("my-group", "Hello from Python!", "text")
    frame = frames.from_group("my-group", "text", '"Hello from Python!"', "user123")
    assert people.received(service, member) == [[frame]]
    client.wait("server-message")  # the fence: so the sender, who is not a member, got no echo
    assert client.all("group-message") == []


def test_s33_a_member_gets_its_own_message_unless_it_says_no_echo(service, people, make_client):
    from azure.messaging.webpubsubclient.models import WebPubSubDataType

    client = make_client(people.url(service, user_id="user123", roles=ANY_GROUP))
    client.open()
    client.join_group("my-group")
    client.send_to_group("my-group", "silent", WebPubSubDataType.TEXT, no_echo=True)
    client.send_to_group("my-group", {"loud": True}, WebPubSubDataType.JSON)
    client.send_to_group("my-group", memoryview(b"\x00loud"), WebPubSubDataType.BINARY)
    client.send_to_group("my-group", "no ack", WebPubSubDataType.TEXT, ack=False)
    got = [bytes(e.data) if isinstance(e.data, memoryview) else e.data for e in client.wait("group-message", 3)]
    assert got == [{"loud": True}, b"\x00loud", "no ack"]
    assert {e.from_user_id for e in client.all("group-message")} == {"user123"}

    client.leave_group("my-group")
    client.send_to_group("my-group", "after leaving", WebPubSubDataType.TEXT)
    service.send_to_user(user_id="user123", message="fence", content_type="text/plain")
    client.wait("server-message")
    assert len(client.all("group-message")) == 3


def test_s33_an_ack_id_is_worked_off_once(service, people, make_client):
    member = people.json(service, groups=["my-group"])
    client = make_client(people.url(service, roles=ANY_GROUP))
    client.open()
    client.wait("connected")
    for _ in range(3):
        client.send_to_group("my-group", "once", "text", ack_id=2**53)
    assert people.received(service, member) == [[frames.from_group("my-group", "text", '"once"')]]


def test_a_listener_that_comes_late_misses_what_was_before(service, people, make_client):
    """Handlers first, then open: the order of the documents, and why it matters."""
    client = make_client(people.url(service, user_id="user123", roles=ANY_GROUP))
    late = []
    client.open()
    client.wait("connected")
    service.send_to_user(user_id="user123", message="early", content_type="text/plain")
    client.wait("server-message")
    client.join_group("my-group")  # its ack is read when the package is done with the message before
    if client.real.__module__.endswith("aio._client"):

        async def listener(e):
            late.append(e.data)
    else:
        listener = lambda e: late.append(e.data)  # noqa: E731
    client.subscribe("server-message", listener)
    service.send_to_user(user_id="user123", message="later", content_type="text/plain")
    wait_until(lambda: late, "the late listener hears something")
    assert late == ["later"]
