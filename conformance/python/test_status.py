"""The exact status of every operation, and what raises."""

import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError

SEND = {"message": "x", "content_type": "text/plain"}


def test_every_operation_answers_with_its_own_status(service, people):
    user = people.json(service, user_id="user123")
    permission = {"permission": "sendToGroup", "connection_id": user.connection_id, "target_name": "my-group"}
    connection = {"connection_id": user.connection_id}
    calls = [
        (202, "send_to_all", SEND),
        (202, "send_to_user", {"user_id": "user123", **SEND}),
        (202, "send_to_group", {"group": "my-group", **SEND}),
        (202, "send_to_connection", {**connection, **SEND}),
        (200, "add_user_to_group", {"group": "my-group", "user_id": "user123"}),
        (200, "add_connection_to_group", {"group": "my-group", **connection}),
        (200, "user_exists", {"user_id": "user123"}),
        (200, "group_exists", {"group": "my-group"}),
        (200, "connection_exists", connection),
        (204, "remove_user_from_group", {"group": "my-group", "user_id": "user123"}),
        (204, "remove_user_from_all_groups", {"user_id": "user123"}),
        (204, "remove_connection_from_group", {"group": "my-group", **connection}),
        (200, "grant_permission", permission),
        (200, "has_permission", permission),
        (204, "revoke_permission", permission),
        (404, "has_permission", permission),
        (204, "close_group_connections", {"group": "my-group", "reason": "r"}),
        (204, "close_user_connections", {"user_id": "user123", "excluded": [user.connection_id]}),
        (204, "close_connection", {**connection, "reason": "r"}),
        (204, "close_all_connections", {"excluded": ["a", "b"], "reason": "r"}),
        (404, "user_exists", {"user_id": "user123"}),
        (404, "group_exists", {"group": "my-group"}),
        (404, "connection_exists", connection),
    ]
    for status, operation, arguments in calls:
        before = len(service.statuses)
        result = getattr(service, operation)(**arguments)
        assert service.statuses[before:] == [status], operation
        expected = status == 200 if operation.endswith("_exists") or operation == "has_permission" else None
        assert result is expected, operation


def refused(call, status=400, code="Error.BadRequest"):
    with pytest.raises(HttpResponseError) as failure:
        call()
    assert failure.value.status_code == status
    assert failure.value.response.headers.get("x-ms-error-code") == code
    return failure.value


def test_a_wrong_key_is_an_authentication_error(hocket, make_service):
    service = make_service(connection_string=f"Endpoint={hocket.endpoint};AccessKey={'w' * 44}", empty=False)
    for call in (
        lambda: service.send_to_all(**SEND),
        lambda: service.connection_exists(connection_id="abc123"),
        lambda: service.close_all_connections(),
    ):
        with pytest.raises(ClientAuthenticationError) as failure:
            call()
        assert failure.value.status_code == 401


def test_bad_names_are_refused(make_service, service):
    blank = "  "
    refused(lambda: service.send_to_group(group=blank, **SEND))
    refused(lambda: service.send_to_group(group="g" * 1025, **SEND))
    refused(lambda: service.send_to_user(user_id=blank, **SEND))
    refused(lambda: service.send_to_connection(connection_id=blank, **SEND))
    for operation in ("connection_exists", "user_exists", "group_exists"):
        refused(lambda: getattr(service, operation)(blank))
    for hub in ("1hub", "h" * 129, "my hub"):
        refused(lambda: make_service(hub, empty=False).send_to_all(**SEND))


def test_bad_permissions_are_refused(service, people):
    user = people.json(service)
    refused(lambda: service.grant_permission("sendToGroup", user.connection_id))
    refused(lambda: service.revoke_permission("sendToGroup", user.connection_id, target_name=" "))
    refused(lambda: service.has_permission("fly", user.connection_id, target_name="my-group"))


@pytest.mark.newest
def test_an_unknown_api_version_is_refused(make_service):
    service = make_service(empty=False, api_version="2020-01-01")
    error = refused(lambda: service.send_to_all(**SEND))
    assert "The specified API version is not supported." in str(error)


@pytest.mark.newest
@pytest.mark.parametrize("api_version", ["2021-10-01", "2022-11-01", "2023-07-01", "2024-01-01", "2024-12-01"])
def test_every_released_api_version_is_served(make_service, api_version):
    service = make_service(empty=False, api_version=api_version)
    assert service.send_to_all(**SEND) is None
    assert f"api-version={api_version}" in service.requests[-1]


@pytest.mark.newest
def test_a_bad_filter_is_refused_and_delivers_nothing(service, people):
    somebody = people.json(service)
    error = refused(lambda: service.send_to_all(**SEND, filter="invalid filter"))
    assert "Invalid syntax for 'invalid filter': Syntax error at position 14 in 'invalid filter'." in str(error)
    assert error.response.headers["content-type"].startswith("application/problem+json")
    refused(lambda: service.send_to_group(group="my-group", **SEND, filter="userId eq"))
    assert people.received(service, somebody) == [[]]


@pytest.mark.newest
def test_bad_parameters_are_refused(service):
    for seconds in ("-1", "301", "x"):
        refused(lambda: service.send_to_all(**SEND, params={"messageTtlSeconds": seconds}))


@pytest.mark.newest
@pytest.mark.parametrize("parameters", [{"top": 0}, {"maxpagesize": 0}, {"maxpagesize": 201}])
def test_bad_listing_parameters_are_refused(service, parameters):
    refused(lambda: service.members(group="my-group", **parameters))


def test_a_body_that_is_no_json_is_refused(service, people):
    somebody = people.simple(service)
    # The package turns None into an empty body.
    error = refused(lambda: service.send_to_all(message=None))
    assert "The request body is not a valid JSON." in str(error)
    assert people.received(service, somebody) == [[]]


def test_a_content_type_outside_the_three_is_refused_by_the_package(service):
    sent = list(service.statuses)
    with pytest.raises(ValueError, match="is not one of the allowed values"):
        service.send_to_all(message="x", content_type="text/html")
    assert service.statuses == sent


def test_the_error_of_a_missing_connection_has_code_and_message(service):
    with pytest.raises(ResourceNotFoundError) as failure:
        service.add_connection_to_group(group="my-group", connection_id="missing")
    assert failure.value.error.code == "Error.Connection.NotExisted"
    assert failure.value.error.message == "Connection `missing` is not found."
    assert failure.value.error.target == "Connection"


def test_a_raw_request_can_be_sent(service):
    from azure.core.rest import HttpRequest

    answer = service.send_request(HttpRequest("HEAD", "/api/hubs/my-hub/users/user123?api-version=2021-10-01"))
    assert answer.status_code == 404
