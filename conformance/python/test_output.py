"""Runs last: no key and no token of this session is in what the server wrote at log level trace."""

import json

import pytest
from harness.secrets import Secrets


def test_no_secret_is_in_the_output(hocket, secrets):
    if not hocket.is_ours:
        pytest.skip("needs the server's output")
    lines = hocket.log_lines()
    assert any(json.loads(line)["level"] in (10, "trace") for line in lines), "the server does not log at level trace"
    assert len(lines) > 100
    assert len(secrets.values) > 20
    assert secrets.found_in("".join(lines)) == []


def test_the_search_would_find_one():
    secrets = Secrets()
    secrets.add("header.claims.signature")
    assert secrets.found_in("nothing here") == []
    assert secrets.found_in("x header.claims.signature y") == ["header.claims.signature", "signature"]
    assert secrets.found_in("cut.signature") == ["signature"]
    assert secrets.found_in('"token":"eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln"') != []
