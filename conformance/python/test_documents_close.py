"""S23 to S27: closing connections, and permissions."""

import pytest
from azure.core.exceptions import ResourceNotFoundError
from harness.frames import disconnected

PERMISSION = {"permission": "joinLeaveGroup", "connection_id": "abc123", "target_name": "my-group"}


def test_s23_the_reason_reaches_the_client(service, people):
    pinned, other = people.json(service, pin="abc123"), people.json(service)
    assert service.close_connection(connection_id="abc123", reason="Session ended") is None
    assert service.statuses[-1] == 204
    assert "reason=Session%20ended" in service.requests[-1]
    assert pinned.ended() == ((1000, ""), [disconnected("Session ended")])
    assert people.received(service, other) == [[]]
    assert service.connection_exists(connection_id="abc123") is False


def test_s23_a_simple_client_gets_the_close_only(service, people):
    pinned = people.simple(service, pin="abc123")
    service.close_connection(connection_id="abc123", reason="Session ended")
    (code, reason), before = pinned.ended()
    assert (code, before) == (1000, [])
    # There is no frame that could carry the reason, so the close frame may.
    assert reason in ("", "Session ended")


@pytest.mark.parametrize("reason", ["r" * 200, "ü" * 123, "漢" * 1024], ids=["ascii", "two bytes", "three bytes"])
def test_s23_a_reason_may_be_longer_than_a_close_frame(service, people, reason):
    simple, json_client = people.simple(service), people.json(service)
    service.close_all_connections(reason=reason)
    assert json_client.ended() == ((1000, ""), [disconnected(reason)])
    (code, said), before = simple.ended()
    assert (code, before) == (1000, [])
    assert reason.startswith(said)


def test_s23_without_a_reason_and_for_an_unknown_connection(service, people):
    somebody = people.reliable(service)
    assert service.close_connection(connection_id=somebody.connection_id) is None
    assert somebody.ended() == ((1000, ""), [disconnected()])
    assert service.close_connection(connection_id="abc123", reason="Session ended") is None
    assert service.statuses[-1] == 204


@pytest.mark.newest
def test_s23_the_package_s_client_hears_the_reason_and_comes_back_as_a_new_connection(service, people, make_client):
    client = make_client(people.url(service, user_id="user123"))
    client.open()
    first = client.wait("connected")[0].connection_id
    service.close_connection(connection_id=first, reason="Session ended")
    gone = client.wait("disconnected")[0]
    assert gone.connection_id == first
    assert gone.message == "Application server closed the connection. Reason: Session ended"
    again = client.wait("connected", 2)[1]
    assert again.connection_id != first and again.user_id == "user123"
    service.send_to_user(user_id="user123", message="still here", content_type="text/plain")
    assert [args.data for args in client.wait("server-message")] == ["still here"]


def test_s24_there_is_no_user_in_close_all_connections_and_nothing_is_sent(service, people, flavour):
    mine, other = people.json(service, user_id="user123"), people.json(service, user_id="other")
    sent = list(service.statuses)
    method = "Session.request()" if flavour == "sync" else "ClientSession._request()"
    with pytest.raises(TypeError) as failure:
        service.close_all_connections(user_id="user123")
    assert f"{method} got an unexpected keyword argument 'user_id'" in str(failure.value)
    assert service.statuses == sent
    assert people.received(service, mine, other) == [[], []]


def test_s24_close_user_connections_closes_that_user_only(service, people):
    mine = [people.json(service, user_id="user123"), people.json(service, user_id="user123")]
    other = people.json(service, user_id="other")
    assert service.close_user_connections(user_id="user123") is None
    assert service.statuses[-1] == 204
    for socket in mine:
        assert socket.ended() == ((1000, ""), [disconnected()])
    assert people.received(service, other) == [[]]
    assert service.user_exists(user_id="user123") is False


def test_closing_a_hub_a_user_or_a_group_spares_the_excluded(service, people):
    def fresh():
        sockets = [people.json(service, user_id="user123") for _ in range(2)]
        service.add_user_to_group(group="my-group", user_id="user123")
        return sockets

    for close in (
        lambda kept: service.close_all_connections(excluded=[kept], reason="why"),
        lambda kept: service.close_user_connections(user_id="user123", excluded=[kept], reason="why"),
        lambda kept: service.close_group_connections(group="my-group", excluded=[kept], reason="why"),
    ):
        kept, closed = fresh()
        assert close(kept.connection_id) is None
        assert closed.ended() == ((1000, ""), [disconnected("why")])
        assert people.received(service, kept) == [[]]
        service.close_connection(connection_id=kept.connection_id)


def test_s25_a_grant_works_at_once_on_the_live_connection(service, people):
    pinned = people.json(service, pin="abc123")
    refused = pinned.request(1, type="joinGroup", group="my-group")
    assert (refused["success"], refused["error"]["name"]) == (False, "Forbidden")
    assert service.grant_permission(**PERMISSION) is None
    assert service.statuses[-1] == 200
    assert pinned.request(1, type="joinGroup", group="my-group")["success"] is True
    assert pinned.request(2, type="joinGroup", group="other")["success"] is False
    assert pinned.request(3, type="sendToGroup", group="my-group", dataType="text", data="x")["success"] is False


def test_s25_an_unknown_connection_cannot_be_granted_anything(service):
    with pytest.raises(ResourceNotFoundError) as failure:
        service.grant_permission(**PERMISSION)
    assert failure.value.status_code == 404
    assert failure.value.response.headers["x-ms-error-code"] == "Info.Connection.NotExisted"


def test_s26_a_revoke_works_at_once_and_twice(service, people):
    pinned = people.json(service, pin="abc123", roles=["webpubsub.joinLeaveGroup"])
    for _ in range(2):
        assert service.revoke_permission(**PERMISSION) is None
        assert service.statuses[-1] == 204
    assert pinned.request(1, type="joinGroup", group="my-group")["error"]["name"] == "Forbidden"
    assert pinned.request(2, type="joinGroup", group="other")["success"] is True


def test_s26_nothing_is_left_to_revoke_from_an_unknown_connection(service):
    assert service.revoke_permission(**PERMISSION) is None
    assert service.statuses[-1] == 204


def test_s27_check_permission_has_another_name(service, people):
    people.json(service, pin="abc123")
    with pytest.raises(AttributeError) as failure:
        service.check_permission(**PERMISSION)
    assert str(failure.value) == "'WebPubSubServiceClient' object has no attribute 'check_permission'"
    assert service.has_permission(**PERMISSION) is False
    service.grant_permission(**PERMISSION)
    assert service.has_permission(**PERMISSION) is True
    assert service.has_permission(**{**PERMISSION, "permission": "sendToGroup"}) is False
    service.revoke_permission(**PERMISSION)
    assert service.has_permission(**PERMISSION) is False


def test_s27_an_unknown_connection_has_no_permission(service):
    assert service.has_permission(**PERMISSION) is False
