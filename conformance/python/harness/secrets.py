"""Keys and tokens that the suite saw: none of them may appear in what the server writes."""

import re

# Every JSON Web Token begins with `{"`, which is `eyJ` in base64url.
ANY_TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}(\.[\w-]+)?")


class Secrets:
    def __init__(self):
        self.values = set()

    def add(self, value):
        if value:
            self.values.add(value)

    def see_request(self, request):
        """A `raw_request_hook`: keeps the token of a REST call."""
        header = request.http_request.headers.get("Authorization", "")
        self.add(header.removeprefix("Bearer "))

    def found_in(self, text):
        """What of it `text` holds: whole values, the signatures of tokens, and anything that looks like a token."""
        found = [value for value in self.values if value in text]
        signatures = {value.rsplit(".", 1)[1] for value in self.values if value.count(".") == 2}
        found += [signature for signature in signatures if signature in text]
        found += [match.group(0) for match in ANY_TOKEN.finditer(text)]
        return found
