"""`data` arrives as it was sent: big numbers, key order, spaces, every data type between every kind of client."""

import base64
import json

import pytest
from conftest import ANY_GROUP
from harness.frames import from_group, from_server, numbered

BIG = 2**53 + 1
SOURCES = {
    "big number": f"{{ \"b\" : {BIG},\"a\":\t1.0 , \"a\" : 1e400,\"z\": -0 }}",
    "spaces": '[1,  2 ,{ } , "  " ]',
    "escapes": r'"\u00e9\/\ud83d\ude00\n"',
    "bare number": "18446744073709551616",
    "false": "false",
    "deep": "[" * 60 + "]" * 60,
}


@pytest.fixture(params=SOURCES.values(), ids=SOURCES.keys())
def source(request):
    return request.param


def test_json_of_a_client_keeps_its_source_text(service, people, source):
    sender = people.json(service, user_id="user123", roles=ANY_GROUP)
    sockets = [people.simple(service, user_id="m"), people.json(service, user_id="m"), people.reliable(service, user_id="m")]
    service.add_user_to_group(group="my-group", user_id="m")
    sender.send(f'{{"data":{source}, "dataType":"json", "group":"my-group","type":"sendToGroup","ackId":1}}')
    assert sender.receive() == '{"type":"ack","ackId":1,"success":true}'
    frame = from_group("my-group", "json", source, "user123")
    assert people.received(service, *sockets) == [[source], [frame], [numbered(1, frame)]]


def test_json_of_a_rest_call_keeps_its_source_text(service, people, source):
    from azure.core.rest import HttpRequest

    sockets = [people.simple(service), people.json(service), people.reliable(service)]
    # The send methods would serialise; a raw request goes out as it is.
    url = "/api/hubs/my-hub/:send?api-version=2021-10-01"
    request = HttpRequest("POST", url, content=source.encode(), headers={"Content-Type": "application/json"})
    assert service.send_request(request).status_code == 202
    frame = from_server("json", source)
    assert people.received(service, *sockets) == [[source], [frame], [numbered(1, frame)]]


def test_numbers_of_python_survive_in_both_directions(service, people):
    receiver, simple = people.json(service), people.simple(service)
    message = {"z": BIG, "a": -BIG, "max": 2**64 - 1, "huge": 2**200}
    service.send_to_all(message=message)
    service.send_to_all(message="fence", content_type="text/plain")
    assert list(receiver.receive_json()["data"].items()) == list(message.items())
    assert simple.receive() == json.dumps(message)


@pytest.mark.parametrize("ack_id", ["0", str(2**53), str(BIG), str(2**64 - 1)])
def test_ack_ids_keep_every_digit(service, people, ack_id):
    user = people.reliable(service, roles=ANY_GROUP)
    user.send(f'{{"type":"joinGroup","group":"my-group","ackId":{ack_id}}}')
    assert user.receive() == f'{{"type":"ack","ackId":{ack_id},"success":true}}'
    user.send(f'{{"type":"leaveGroup","group":"my-group","ackId":{ack_id}}}')
    error = f'{{"name":"Duplicate","message":"Message with ack-id: {ack_id} has been processed"}}'
    assert user.receive() == f'{{"type":"ack","ackId":{ack_id},"success":false,"error":{error}}}'
    assert service.group_exists(group="my-group") is True


def test_neighbouring_ack_ids_beyond_2_to_the_53_are_different(service, people):
    user = people.json(service, roles=ANY_GROUP)
    for ack_id in (2**53, BIG, 2**53 + 2):
        user.send(f'{{"type":"joinGroup","group":"my-group","ackId":{ack_id}}}')
        assert user.receive() == f'{{"type":"ack","ackId":{ack_id},"success":true}}'


def test_every_data_type_of_a_client_reaches_every_kind_of_client(service, people):
    sender = people.json(service, roles=ANY_GROUP)
    sockets = [people.simple(service, user_id="m"), people.json(service, user_id="m"), people.reliable(service, user_id="m")]
    service.add_user_to_group(group="my-group", user_id="m")
    content = bytes(range(256))
    encoded = json.dumps(base64.b64encode(content).decode())
    sent = [("text", '"naïve 😀"', "naïve 😀"), ("json", '"text"', '"text"'), ("binary", encoded, content)]
    for data_type, source, _ in sent:
        sender.send(f'{{"type":"sendToGroup","group":"my-group","dataType":"{data_type}","data":{source}}}')
    sender.request(1, type="joinGroup", group="done")
    frames = [from_group("my-group", data_type, source) for data_type, source, _ in sent]
    simple, plain, reliable = people.received(service, *sockets)
    assert simple == [shown for _, _, shown in sent]
    assert plain == frames
    assert reliable == [numbered(number, frame) for number, frame in enumerate(frames, 1)]


@pytest.mark.newest
def test_big_numbers_through_the_websocket_client(service, people, make_client):
    raw = people.json(service, groups=["my-group"])
    client = make_client(people.url(service, roles=ANY_GROUP))
    client.open()
    client.join_group("my-group", ack_id=2**53)
    content = {"z": BIG, "a": [2**64, "naïve 😀"]}
    client.send_to_group("my-group", content, "json", ack_id=BIG)
    assert client.wait("group-message")[0].data == content
    assert people.received(service, raw) == [[from_group("my-group", "json", json.dumps(content))]]


def test_a_megabyte_arrives_and_more_is_refused(service, people):
    from azure.core.exceptions import HttpResponseError

    simple, json_client = people.simple(service), people.json(service)
    content = b"x" * 1_048_576
    service.send_to_all(message=content, content_type="application/octet-stream")
    assert simple.receive() == content
    assert base64.b64decode(json_client.receive_json()["data"]) == content
    with pytest.raises(HttpResponseError) as failure:
        service.send_to_all(message=content + b"x", content_type="application/octet-stream")
    assert failure.value.status_code == 400
    assert people.received(service, simple, json_client) == [[], []]
