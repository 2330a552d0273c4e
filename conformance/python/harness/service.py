"""The service client of either flavour behind one face: plain calls, results and exceptions of the real client."""

from importlib import import_module


def service_class(flavour):
    module = "azure.messaging.webpubsubservice" + (".aio" if flavour == "aio" else "")
    return import_module(module).WebPubSubServiceClient


class Service:
    """Passes every call to `real`; keeps tokens for the search in the logs, and the status of every REST answer."""

    def __init__(self, flavour, make, loop, secrets):
        """`make(**hooks)` builds the real client."""
        self._run = (lambda call: call()) if flavour == "sync" else loop.run
        self._secrets = secrets
        self.statuses = []
        self.requests = []
        self.real = make(raw_request_hook=self._see_request, raw_response_hook=self._see_response)

    def _see_request(self, request):
        self._secrets.see_request(request)
        self.requests.append(f"{request.http_request.method} {request.http_request.url}")

    def _see_response(self, response):
        self.statuses.append(response.http_response.status_code)

    def __getattr__(self, name):
        attribute = getattr(self.real, name)
        if not callable(attribute):
            return attribute

        def call(*arguments, **keywords):
            result = self._run(lambda: attribute(*arguments, **keywords))
            if isinstance(result, dict):
                self._secrets.add(result.get("token"))
            return result

        return call

    def members(self, **keywords):
        """Every member that `list_connections` gives, in order."""
        paged = self.real.list_connections(**keywords)
        if not hasattr(paged, "__aiter__"):
            return list(paged)

        async def collect():
            return [member async for member in paged]

        return self._run(collect)

    def pages(self, **keywords):
        """The same, page by page."""
        paged = self.real.list_connections(**keywords)
        if not hasattr(paged, "__aiter__"):
            return [list(page) for page in paged.by_page()]

        async def collect():
            return [[member async for member in page] async for page in paged.by_page()]

        return self._run(collect)
