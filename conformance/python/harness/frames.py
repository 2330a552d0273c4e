"""The exact text of frames that the server sends."""

import json


def _quoted(value):
    return json.dumps(value, ensure_ascii=False)


def from_server(data_type, source):
    """A message of a REST send to all, a user or a connection; `source` is the JSON text of its data."""
    return f'{{"type":"message","from":"server","dataType":"{data_type}","data":{source}}}'


def from_group(group, data_type, source, user_id=None):
    return (
        f'{{"type":"message","from":"group","group":{_quoted(group)},"fromUserId":{_quoted(user_id)},'
        f'"dataType":"{data_type}","data":{source}}}'
    )


def numbered(sequence_id, frame):
    """The same frame for a reliable client."""
    return f'{{"sequenceId":{sequence_id},{frame[1:]}'


def connected(user_id, connection_id):
    return f'{{"type":"system","event":"connected","userId":{_quoted(user_id)},"connectionId":"{connection_id}"}}'


def disconnected(reason=None):
    text = "Application server closed the connection." + (f" Reason: {reason}" if reason else "")
    return f'{{"type":"system","event":"disconnected","message":{_quoted(text)}}}'


SEND_FORBIDDEN = "The client does not have permission to send to group '{group}'."
JOIN_FORBIDDEN = "The client does not have permission to join group '{group}'."
