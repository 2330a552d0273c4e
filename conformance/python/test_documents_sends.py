"""S8 to S15: sends to all, to a user, to a group, to a connection. Who gets them, and who does not, byte by byte."""

import io

import pytest
from harness.frames import from_group, from_server, numbered


@pytest.fixture
def everybody(people):
    """One simple, one JSON and one reliable client in a hub."""
    return lambda service: [people.simple(service), people.json(service), people.reliable(service)]


def test_s8_text_reaches_everybody_in_the_hub_and_nobody_else(make_service, service, people, everybody):
    sockets = everybody(service)
    elsewhere_service = make_service("other-hub")
    elsewhere = people.simple(elsewhere_service)
    assert service.send_to_all(message="Hello everyone!", content_type="text/plain") is None
    assert service.statuses[-1] == 202
    frame = from_server("text", '"Hello everyone!"')
    assert people.received(service, *sockets) == [["Hello everyone!"], [frame], [numbered(1, frame)]]
    assert people.received(elsewhere_service, elsewhere) == [[]]


def test_s9_json_keeps_its_bytes(service, people, everybody):
    sockets = everybody(service)
    message = {"type": "notification", "data": "Hello"}
    assert service.send_to_all(message=message, content_type="application/json") is None
    source = '{"type": "notification", "data": "Hello"}'
    frame = from_server("json", source)
    assert people.received(service, *sockets) == [[source], [frame], [numbered(1, frame)]]


def test_s10_the_default_type_is_json(make_service, people, everybody):
    service = make_service("hub1")
    sockets = everybody(service)
    assert service.send_to_all(message={"from": "user1", "data": "Hello world"}) is None
    source = '{"from": "user1", "data": "Hello world"}'
    frame = from_server("json", source)
    assert people.received(service, *sockets) == [[source], [frame], [numbered(1, frame)]]


def test_s10_a_bare_string_goes_out_as_a_json_string(make_service, people):
    service = make_service("hub1")
    simple, json_client = people.simple(service), people.json(service)
    service.send_to_all("Hello world")
    assert people.received(service, simple, json_client) == [['"Hello world"'], [from_server("json", '"Hello world"')]]


def test_s11_plain_text_arrives_as_it_is(make_service, people, everybody):
    service = make_service("hub1")
    sockets = everybody(service)
    assert service.send_to_all(message="Hello world", content_type="text/plain") is None
    frame = from_server("text", '"Hello world"')
    assert people.received(service, *sockets) == [["Hello world"], [frame], [numbered(1, frame)]]


def test_s12_a_stream_arrives_as_a_binary_frame(make_service, people, everybody):
    service = make_service("hub")
    sockets = everybody(service)
    message = io.StringIO("Hello World")
    assert service.send_to_all(message=message, content_type="application/octet-stream") is None
    frame = from_server("binary", '"SGVsbG8gV29ybGQ="')
    assert people.received(service, *sockets) == [[b"Hello World"], [frame], [numbered(1, frame)]]


@pytest.mark.parametrize("make", [bytes, io.BytesIO, bytearray], ids=["bytes", "BytesIO", "bytearray"])
def test_s12_bytes_of_every_value_arrive(make_service, people, make):
    """The sample's text stream is for ASCII only; this is what works for all else."""
    service = make_service("hub")
    simple = people.simple(service)
    content = bytes(range(256)) + "naïve 😀".encode()
    service.send_to_all(message=make(content), content_type="application/octet-stream")
    assert people.received(service, simple) == [[content]]


def test_s13_a_user_gets_it_on_every_connection_and_nobody_else_does(service, people):
    phone, laptop = people.simple(service, user_id="user123"), people.json(service, user_id="user123")
    other, anonymous = people.simple(service, user_id="USER123"), people.simple(service)
    assert service.send_to_user(user_id="user123", message="Hello user!", content_type="text/plain") is None
    frame = from_server("text", '"Hello user!"')
    assert people.received(service, phone, laptop, other, anonymous) == [["Hello user!"], [frame], [], []]


def test_s13_a_send_to_a_user_who_is_not_there_is_accepted(service):
    assert service.send_to_user(user_id="user123", message="Hello user!", content_type="text/plain") is None
    assert service.statuses[-1] == 202


def test_s14_members_of_the_group_get_it_and_nobody_else(service, people, everybody):
    sockets = [people.simple(service, user_id="m"), people.json(service, user_id="m"), people.reliable(service, user_id="m")]
    outsider = people.json(service)
    service.add_user_to_group(group="my-group", user_id="m")
    assert service.send_to_group(group="my-group", message="Hello group!", content_type="text/plain") is None
    frame = from_group("my-group", "text", '"Hello group!"')
    got = people.received(service, *sockets, outsider)
    assert got == [["Hello group!"], [frame], [numbered(1, frame)], []]


def test_s14_a_send_to_an_empty_group_is_accepted(service):
    assert service.send_to_group(group="my-group", message="Hello group!", content_type="text/plain") is None
    assert service.statuses[-1] == 202


def test_s15_one_connection_gets_it_and_nobody_else(service, people):
    pinned = people.json(service, pin="abc123", user_id="user123")
    other = people.json(service, user_id="user123")
    assert pinned.connection_id == "abc123"
    assert service.send_to_connection(connection_id="abc123", message="Hello connection!", content_type="text/plain") is None
    frame = from_server("text", '"Hello connection!"')
    assert people.received(service, pinned, other) == [[frame], []]


def test_s15_a_send_to_an_unknown_connection_is_accepted(service):
    assert service.send_to_connection(connection_id="abc123", message="Hello connection!", content_type="text/plain") is None
    assert service.statuses[-1] == 202


@pytest.mark.newest
def test_sends_leave_out_the_excluded_and_those_that_the_filter_does_not_name(service, people):
    ann, bob, cy = (people.json(service, user_id=name, groups=["my-group"]) for name in ["ann", "bob", "cy"])
    service.send_to_all(message="1", content_type="text/plain", excluded=[ann.connection_id])
    service.send_to_all(message="2", content_type="text/plain", excluded=[ann.connection_id, cy.connection_id])
    service.send_to_group(group="my-group", message="3", content_type="text/plain", excluded=[bob.connection_id])
    service.send_to_group(group="my-group", message="4", content_type="text/plain", filter="userId eq 'bob'")
    service.send_to_user(user_id="cy", message="5", content_type="text/plain", filter="'my-group' in groups")
    service.send_to_all(message="6", content_type="text/plain", filter="not ('my-group' in groups)")
    got = people.received(service, ann, bob, cy)
    texts = [[frame.rsplit('"', 2)[1] for frame in each] for each in got]
    assert texts == [["3"], ["1", "2", "4"], ["1", "3", "5"]]


def test_a_lifetime_is_no_keyword_of_the_package_and_nothing_is_sent(service, people, flavour):
    somebody = people.simple(service)
    method = "Session.request()" if flavour == "sync" else "ClientSession._request()"
    with pytest.raises(TypeError) as failure:
        service.send_to_all(message="late", content_type="text/plain", message_ttl_seconds=10)
    assert f"{method} got an unexpected keyword argument 'message_ttl_seconds'" in str(failure.value)
    assert people.received(service, somebody) == [[]]


@pytest.mark.newest
def test_a_lifetime_can_be_given_as_a_parameter(service, people):
    somebody = people.simple(service)
    service.send_to_all(message="in time", content_type="text/plain", params={"messageTtlSeconds": 10})
    assert "messageTtlSeconds=10" in service.requests[-1]
    assert people.received(service, somebody) == [["in time"]]


def test_a_content_type_may_name_its_charset(service, people):
    somebody = people.simple(service)
    service.send_to_all(message="naïve 😀".encode(), content_type="text/plain; charset=utf-8")
    assert people.received(service, somebody) == [["naïve 😀"]]
