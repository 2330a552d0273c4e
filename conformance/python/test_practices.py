"""S38: the seven best practices of the documents, each as something that can be seen."""

import pytest
from conftest import ANY_GROUP
from harness import frames
from harness.forwarder import Forwarder
from harness.sockets import JSON, refused_with


def test_1_roles_limit_what_a_client_may_do(service, people):
    nobody = people.json(service)
    nobody.send('{"type":"joinGroup","group":"my-group","ackId":1}')
    error = f'{{"name":"Forbidden","message":"{frames.JOIN_FORBIDDEN.format(group="my-group")}"}}'
    assert nobody.receive() == f'{{"type":"ack","ackId":1,"success":false,"error":{error}}}'
    nobody.send('{"type":"sendToGroup","group":"my-group","dataType":"text","data":"x","ackId":2}')
    error = f'{{"name":"Forbidden","message":"{frames.SEND_FORBIDDEN.format(group="my-group")}"}}'
    assert nobody.receive() == f'{{"type":"ack","ackId":2,"success":false,"error":{error}}}'

    limited = people.json(service, roles=["webpubsub.joinLeaveGroup.my-group", "webpubsub.sendToGroup.news"])
    assert limited.request(1, type="joinGroup", group="my-group")["success"] is True
    assert limited.request(2, type="joinGroup", group="news")["success"] is False
    assert limited.request(3, type="sendToGroup", group="news", dataType="text", data="x")["success"] is True
    assert limited.request(4, type="sendToGroup", group="my-group", dataType="text", data="x")["success"] is False


def test_2_groups_keep_messages_apart(service, people):
    red, blue = people.json(service, roles=ANY_GROUP), people.json(service, roles=ANY_GROUP)
    red.request(1, type="joinGroup", group="red")
    blue.request(1, type="joinGroup", group="blue")
    red.request(2, type="sendToGroup", group="blue", dataType="text", data="from red")
    service.send_to_group(group="red", message="from the server", content_type="text/plain")
    to_blue = frames.from_group("blue", "text", '"from red"')
    to_red = frames.from_group("red", "text", '"from the server"')
    assert people.received(service, red, blue) == [[to_red], [to_blue]]


def test_3_an_expired_token_is_refused_at_connect(flavour, loop, service, people):
    url = service.get_client_access_token(user_id="user123", minutes_to_expire=-10)["url"]
    for subprotocol in (None, JSON):
        assert refused_with(flavour, loop, url, subprotocol) == 401
    assert people.json(service, user_id="user123", minutes_to_expire=1).is_open


def test_4_a_user_id_reaches_all_connections_of_a_user(service, people):
    phone, laptop = people.simple(service, user_id="user123"), people.simple(service, user_id="user123")
    service.send_to_user(user_id="user123", message="both", content_type="text/plain")
    assert people.received(service, phone, laptop) == [["both"], ["both"]]


@pytest.mark.newest
def test_5_a_client_survives_the_loss_of_its_socket(hocket, service, people, make_client):
    forwarder = Forwarder(hocket.endpoint)
    try:
        client = make_client(forwarder.through(people.url(service, user_id="user123", roles=ANY_GROUP)))
        client.open()
        client.wait("connected")
        client.join_group("my-group")
        forwarder.cut()
        service.send_to_group(group="my-group", message="while it was away", content_type="text/plain")
        assert client.wait("group-message")[0].data == "while it was away"
        assert (len(client.all("connected")), client.all("disconnected")) == (1, [])
    finally:
        forwarder.close()


def test_6_structured_data_stays_structured(service, people):
    json_client, simple = people.json(service), people.simple(service)
    message = {"b": 1, "a": [True, None, 1.5, "naïve 😀"], "nested": {"deep": {}}}
    service.send_to_all(message=message, content_type="application/json")
    service.send_to_all(message="fence", content_type="text/plain")
    assert json_client.receive_json() == {"type": "message", "from": "server", "dataType": "json", "data": message}
    source = r'{"b": 1, "a": [true, null, 1.5, "na\u00efve \ud83d\ude00"], "nested": {"deep": {}}}'
    assert simple.receive() == source


def test_7_a_reason_makes_a_close_graceful(service, people):
    user = people.reliable(service, user_id="user123")
    service.close_user_connections(user_id="user123", reason="Sitzung beendet – bis bald 👋")
    assert user.ended() == ((1000, ""), [frames.disconnected("Sitzung beendet – bis bald 👋")])
