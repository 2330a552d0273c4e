"""Runs last: no key and no token of this session is in what the server wrote at log level trace."""

import json

import pytest


def test_no_secret_is_in_the_output(hocket, secrets):
    if not hocket.is_ours:
        pytest.skip("needs the server's output")
    lines = hocket.log_lines()
    assert any(json.loads(line)["level"] in (10, "trace") for line in lines), "the server does not log at level trace"
    assert len(lines) > 100
    assert len(secrets.values) > 20
    assert secrets.found_in("".join(lines)) == []


def test_the_search_would_find_one(secrets):
    token = next(value for value in secrets.values if value.count(".") == 2)
    assert token in secrets.found_in(f"x{token}y")
    assert secrets.found_in(f"signature {token.rsplit('.', 1)[1]}") != []
