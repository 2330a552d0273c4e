"""S35 and S36: the package's own log of its HTTP calls, which prints tokens in clear."""

import io
import logging

import pytest
from harness.waiting import wait_until


@pytest.fixture
def log():
    """A stream with everything that the logger `azure` says at DEBUG, as the documents set it up."""
    stream = io.StringIO()
    logger = logging.getLogger("azure")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    handler = logging.StreamHandler(stream=stream)
    logger.addHandler(handler)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_s35_a_client_logs_requests_and_answers(hocket, make_service, log):
    service = make_service("hub", empty=False, logging_enable=True)
    assert service.send_to_all(message="Hello world", content_type="text/plain") is None
    text = wait_until(lambda: "Response content:" in log.getvalue() and log.getvalue(), "the answer is logged")
    for line in (
        f"Request URL: '{hocket.endpoint}/api/hubs/hub/:send?api-version=",
        "Request method: 'POST'",
        "    'Content-Type': 'text/plain'",
        "    'Authorization': 'Bearer eyJ",
        "Request body:\nHello world",
        "Response status: '202'",
        "Response headers:",
    ):
        assert line in text.replace('"', "'")


def test_s36_the_literal_ellipsis_of_the_sample_is_no_message(service):
    sent = list(service.statuses)
    with pytest.raises(TypeError, match="Object of type ellipsis is not JSON serializable"):
        service.send_to_all(..., logging_enable=True)
    assert service.statuses == sent


def test_s36_one_call_can_be_logged_alone(make_service, log):
    service = make_service("hub", empty=False)
    service.send_to_all(message="not logged", content_type="text/plain")
    assert service.send_to_all(message="logged", content_type="text/plain", logging_enable=True) is None
    service.send_to_all(message="not logged either", content_type="text/plain")
    text = log.getvalue()
    assert text.count("Request body:\nlogged") == 1
    assert text.count("Response status: '202'") == 1
    assert "not logged" not in text
