"""Waiting for a condition instead of sleeping."""

import time


def wait_until(condition, what, timeout=10):
    """Returns the first true result of `condition()`; fails with `what` after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(0.01)
