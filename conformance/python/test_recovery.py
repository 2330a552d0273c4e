"""A reliable client loses its socket: it recovers, misses nothing, and is still the same connection."""

import pytest
from conftest import ANY_GROUP
from harness.forwarder import Forwarder

pytestmark = pytest.mark.newest


@pytest.fixture
def forwarder(hocket):
    forwarder = Forwarder(hocket.endpoint)
    yield forwarder
    forwarder.close()


@pytest.fixture
def member(service, people, make_client, forwarder):
    client = make_client(forwarder.through(people.url(service, user_id="user123", roles=ANY_GROUP)))
    client.open()
    client.wait("connected")
    client.join_group("my-group")
    return client


def numbers(client):
    return [(message.sequence_id, message.data) for message in client.all("group-message")]


def test_it_recovers_and_misses_nothing(service, forwarder, member):
    def send(first, last):
        for number in range(first, last + 1):
            service.send_to_group(group="my-group", message=str(number), content_type="text/plain")

    before = member.all("connected")[0].connection_id
    send(1, 5)
    member.wait("group-message", 5)
    forwarder.refuse(True)
    forwarder.cut()
    send(6, 20)
    assert service.connection_exists(connection_id=before) is True
    assert service.group_exists(group="my-group") is True
    forwarder.refuse(False)
    member.wait("group-message", 20, timeout=25)
    send(21, 25)
    member.wait("group-message", 25)
    assert numbers(member) == [(number, str(number)) for number in range(1, 26)]

    assert [each.connection_id for each in service.members(group="my-group")] == [before]
    assert len(member.all("connected")) == 1
    assert member.all("disconnected") == member.all("stopped") == []


def test_it_recovers_again_and_again_in_the_middle_of_a_stream(service, forwarder, member):
    for number in range(1, 91):
        service.send_to_group(group="my-group", message=str(number), content_type="text/plain")
        if number % 30 == 15:
            forwarder.cut()
    member.wait("group-message", 90, timeout=40)
    assert numbers(member) == [(number, str(number)) for number in range(1, 91)]
    assert forwarder.accepted >= 2
    assert len(member.all("connected")) == 1


def test_it_can_send_and_leave_after_a_recovery(service, people, forwarder, member):
    other = people.json(service, groups=["my-group"])
    forwarder.cut()
    service.send_to_group(group="my-group", message="missed", content_type="text/plain")
    member.wait("group-message", 1, timeout=20)
    member.send_to_group("my-group", "back again", "text")
    member.wait("group-message", 2)
    member.leave_group("my-group")
    assert [each.connection_id for each in service.members(group="my-group")] == [other.connection_id]


def test_after_a_close_by_the_service_it_reconnects_and_rejoins(service, people, forwarder, member):
    first = member.all("connected")[0].connection_id
    service.close_connection(connection_id=first, reason="Session ended")
    second = member.wait("connected", 2)[1].connection_id
    assert second != first
    while [each.connection_id for each in service.members(group="my-group")] != [second]:
        member.wait("connected", 2)  # the rejoin goes on in the background
    service.send_to_group(group="my-group", message="again", content_type="text/plain")
    assert [message.data for message in member.wait("group-message")] == ["again"]
    assert [args.message for args in member.all("disconnected")] == [
        "Application server closed the connection. Reason: Session ended"
    ]
