"""Group and user names that need care in URLs, tokens and frames, through every kind of client."""

import json

import pytest
from conftest import ANY_GROUP
from harness.frames import from_group, from_server

NAMES = {
    "slash": "with/slash/",
    "spaces": "two  words",
    "percent": "100%",
    "escape": "%2F%20%25",
    "emoji": "emoji 😀👩‍👩‍👧",
    "cjk": "漢" * 1024,
    # what the aio client sends unescaped although its token names it escaped
    "aio": "a$b&c'd*e;f=g:h@i",
    "query": "what?x=1#here",
    "plus": "one+one",
    "dots": "...a..b",
    "quotes": "\"double\" 'single' \\back",
    "accents": "é and e\u0301",
}


@pytest.fixture(params=NAMES.values(), ids=NAMES.keys())
def name(request):
    return request.param


def test_a_group_and_a_user_of_that_name_through_the_service_client(service, people, name):
    user, other = people.json(service, user_id=name), people.simple(service, user_id="other")
    assert json.loads(user.connected_frame)["userId"] == name
    assert service.user_exists(user_id=name) is True
    assert service.group_exists(group=name) is False
    service.add_user_to_group(group=name, user_id=name)
    service.add_connection_to_group(group=name, connection_id=user.connection_id)
    assert service.group_exists(group=name) is True
    service.send_to_group(group=name, message="to group", content_type="text/plain")
    service.send_to_user(user_id=name, message="to user", content_type="text/plain")
    got = people.received(service, user, other)
    assert got == [[from_group(name, "text", '"to group"'), from_server("text", '"to user"')], []]

    permission = {"permission": "sendToGroup", "connection_id": user.connection_id, "target_name": name}
    assert service.has_permission(**permission) is False
    service.grant_permission(**permission)
    assert service.has_permission(**permission) is True
    service.revoke_permission(**permission)
    assert service.has_permission(**permission) is False

    service.remove_user_from_group(group=name, user_id=name)
    assert service.group_exists(group=name) is False
    service.add_user_to_group(group=name, user_id=name)
    service.remove_user_from_all_groups(user_id=name)
    assert service.group_exists(group=name) is False
    service.remove_connection_from_group(group=name, connection_id=user.connection_id)
    service.close_group_connections(group=name)
    assert user.is_open
    service.close_user_connections(user_id=name, reason=name)
    assert user.ended()[0] == (1000, "")
    assert service.user_exists(user_id=name) is False


@pytest.mark.newest
def test_a_group_of_that_name_in_tokens_listings_and_filters(service, people, name):
    member = people.json(service, user_id=name, groups=[name])
    people.json(service, user_id="other")
    assert [(each.connection_id, each.user_id) for each in service.members(group=name)] == [(member.connection_id, name)]
    quoted = name.replace("'", "''")
    service.send_to_all(message="filtered", content_type="text/plain", filter=f"userId eq '{quoted}'")
    service.send_to_all(message="again", content_type="text/plain", filter=f"'{quoted}' in groups")
    got = people.received(service, member)
    assert got == [[from_server("text", '"filtered"'), from_server("text", '"again"')]]


def test_a_group_of_that_name_in_frames(service, people, name):
    ann = people.json(service, user_id=name, roles=[f"webpubsub.joinLeaveGroup.{name}", f"webpubsub.sendToGroup.{name}"])
    assert ann.request(1, type="joinGroup", group=name)["success"] is True
    ann.send(json.dumps({"type": "sendToGroup", "group": name, "dataType": "text", "data": name}, ensure_ascii=False))
    received = ann.receive_json()
    assert received == {
        **{"type": "message", "from": "group", "group": name, "fromUserId": name},
        **{"dataType": "text", "data": name},
    }
    assert ann.request(2, type="joinGroup", group="another")["success"] is False


@pytest.mark.newest
def test_a_group_of_that_name_through_the_websocket_client(service, people, make_client, name):
    client = make_client(people.url(service, user_id=name, roles=ANY_GROUP))
    client.open()
    assert client.wait("connected")[0].user_id == name
    client.join_group(name)
    client.send_to_group(name, name, "text")
    message = client.wait("group-message")[0]
    assert (message.group, message.data, message.from_user_id) == (name, name, name)
    client.leave_group(name)
    assert service.group_exists(group=name) is False
