"""S16 to S22, S40 and S42: groups, existence, hubs."""

import pytest
from azure.core.exceptions import ResourceNotFoundError
from conftest import ANY_GROUP
from harness.frames import disconnected, from_group
from harness.sockets import refused_with


def assert_not_found(failure, code, message):
    assert failure.value.status_code == 404
    assert failure.value.response.headers["x-ms-error-code"] == code
    assert message in str(failure.value)


def test_s16_every_connection_of_the_user_joins(service, people):
    first, second = people.json(service, user_id="user123"), people.simple(service, user_id="user123")
    other = people.simple(service, user_id="other")
    assert service.add_user_to_group(group="my-group", user_id="user123") is None
    assert service.statuses[-1] == 200
    service.send_to_group(group="my-group", message="hi", content_type="text/plain")
    got = people.received(service, first, second, other)
    assert got == [[from_group("my-group", "text", '"hi"')], ["hi"], []]


def test_s16_a_user_without_a_connection_cannot_be_added(service):
    with pytest.raises(ResourceNotFoundError) as failure:
        service.add_user_to_group(group="my-group", user_id="user123")
    assert_not_found(failure, "Error.User.NotExisted", "User `user123` is not found.")


def test_s17_every_connection_of_the_user_leaves_and_leaving_twice_is_fine(service, people):
    member = people.simple(service, user_id="user123")
    service.add_user_to_group(group="my-group", user_id="user123")
    for _ in range(2):
        assert service.remove_user_from_group(group="my-group", user_id="user123") is None
        assert service.statuses[-1] == 204
    service.send_to_group(group="my-group", message="hi", content_type="text/plain")
    assert people.received(service, member) == [[]]


def test_s17_a_user_who_is_not_there_can_be_removed(service):
    assert service.remove_user_from_group(group="my-group", user_id="user123") is None
    assert service.remove_user_from_all_groups(user_id="user123") is None


def test_s18_a_known_connection_joins(service, people):
    pinned = people.simple(service, pin="abc123")
    other = people.simple(service)
    assert service.add_connection_to_group(group="my-group", connection_id="abc123") is None
    assert service.statuses[-1] == 200
    service.send_to_group(group="my-group", message="hi", content_type="text/plain")
    assert people.received(service, pinned, other) == [["hi"], []]


def test_s18_an_unknown_connection_cannot_be_added(service):
    with pytest.raises(ResourceNotFoundError) as failure:
        service.add_connection_to_group(group="my-group", connection_id="abc123")
    assert_not_found(failure, "Error.Connection.NotExisted", "Connection `abc123` is not found.")


def test_s19_a_known_connection_leaves_and_leaving_twice_is_fine(service, people):
    pinned = people.simple(service, pin="abc123")
    service.add_connection_to_group(group="my-group", connection_id="abc123")
    for _ in range(2):
        assert service.remove_connection_from_group(group="my-group", connection_id="abc123") is None
        assert service.statuses[-1] == 204
    service.send_to_group(group="my-group", message="hi", content_type="text/plain")
    assert people.received(service, pinned) == [[]]


def test_s19_an_unknown_connection_can_be_removed(service):
    assert service.remove_connection_from_group(group="my-group", connection_id="abc123") is None


@pytest.mark.newest
def test_a_connection_leaves_all_its_groups_at_once(service, people):
    member = people.json(service, groups=["group1", "group2"])
    assert service.remove_connection_from_all_groups(connection_id=member.connection_id) is None
    assert service.remove_connection_from_all_groups(connection_id="abc123") is None
    assert service.group_exists(group="group1") is False


def test_s20_a_known_connection_exists(service, people):
    people.simple(service, pin="abc123")
    assert service.connection_exists(connection_id="abc123") is True


def test_a_pinned_id_is_taken_while_its_connection_lives(service, people, flavour, loop):
    people.simple(service, pin="abc123")
    assert refused_with(flavour, loop, people.url(service, pin="abc123")) == 409
    service.close_connection(connection_id="abc123")
    assert people.json(service, pin="abc123").connection_id == "abc123"


def test_s20_an_unknown_connection_does_not_exist(service, people):
    people.simple(service)
    assert service.connection_exists(connection_id="abc123") is False


def test_s21_a_user_exists_while_there_is_a_connection(service, people):
    assert service.user_exists(user_id="user123") is False
    user = people.json(service, user_id="user123")
    assert service.user_exists(user_id="user123") is True
    assert service.user_exists(user_id="USER123") is False
    service.close_connection(connection_id=user.connection_id)
    assert service.user_exists(user_id="user123") is False


def test_s22_a_group_exists_while_there_is_a_member(service, people):
    people.json(service, user_id="user123")
    assert service.group_exists(group="my-group") is False
    service.add_user_to_group(group="my-group", user_id="user123")
    assert service.group_exists(group="my-group") is True
    assert service.group_exists(group="MY-GROUP") is False
    service.remove_user_from_group(group="my-group", user_id="user123")
    assert service.group_exists(group="my-group") is False


def test_s40_equal_names_in_two_hubs_never_meet(make_service, people):
    red, blue = make_service("red"), make_service("blue")
    in_red, in_blue = (people.json(hub, pin="abc123", user_id="user123") for hub in (red, blue))
    assert in_red.connection_id == in_blue.connection_id == "abc123"
    for hub in (red, blue):
        hub.add_user_to_group(group="my-group", user_id="user123")

    red.send_to_all(message="all", content_type="text/plain")
    red.send_to_group(group="my-group", message="group", content_type="text/plain")
    red.send_to_user(user_id="user123", message="user", content_type="text/plain")
    red.send_to_connection(connection_id="abc123", message="connection", content_type="text/plain")
    assert [len(frames) for frames in people.received(red, in_red)] == [4]
    assert people.received(blue, in_blue) == [[]]

    permission = {"permission": "joinLeaveGroup", "connection_id": "abc123", "target_name": "other"}
    red.grant_permission(**permission)
    assert (red.has_permission(**permission), blue.has_permission(**permission)) == (True, False)
    assert in_red.request(1, type="joinGroup", group="other")["success"] is True
    assert in_blue.request(1, type="joinGroup", group="other")["success"] is False

    red.close_all_connections(reason="red only")
    assert in_red.ended() == ((1000, ""), [disconnected("red only")])
    assert not red.connection_exists("abc123") and not red.user_exists("user123") and not red.group_exists("my-group")
    assert blue.connection_exists("abc123") and blue.user_exists("user123") and blue.group_exists("my-group")
    assert people.received(blue, in_blue) == [[]]


def test_s40_the_case_of_a_hub_does_not_matter(make_service, people):
    lower, upper = make_service("hub"), make_service("HUB")
    somebody = people.simple(upper)
    lower.send_to_all(message="hi", content_type="text/plain")
    assert people.received(upper, somebody) == [["hi"]]


def test_s42_groups_are_sets_of_connections(service, people):
    one, two = people.json(service, user_id="one", roles=ANY_GROUP), people.json(service, user_id="two")
    assert one.connection_id != two.connection_id
    for group in ["group1", "group1", "group2"]:
        service.add_connection_to_group(group=group, connection_id=one.connection_id)
    assert one.request(1, type="joinGroup", group="group1")["success"] is True
    service.add_user_to_group(group="group1", user_id="two")

    service.send_to_group(group="group1", message="1", content_type="text/plain")
    service.send_to_group(group="group2", message="2", content_type="text/plain")
    to_1, to_2 = from_group("group1", "text", '"1"'), from_group("group2", "text", '"2"')
    assert people.received(service, one, two) == [[to_1, to_2], [to_1]]

    service.remove_user_from_all_groups(user_id="one")
    service.send_to_group(group="group1", message="1", content_type="text/plain")
    assert people.received(service, one, two) == [[], [to_1]]
