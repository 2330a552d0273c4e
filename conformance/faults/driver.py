"""Drives the official Python client (sync or aio) for the fault suite: commands come in as JSON lines on stdin, events
go out as JSON lines on stdout. Start it with `sync` or `aio`. The lines are described in driver.ts."""

import asyncio
import json
import os
import sys
import threading
import time
import zlib
from typing import Any, Callable, Dict, List, Optional

from azure.core.pipeline.policies import RetryMode
from azure.messaging.webpubsubclient import WebPubSubClient, WebPubSubClientCredential
from azure.messaging.webpubsubclient.aio import WebPubSubClient as AioClient
from azure.messaging.webpubsubclient.aio import WebPubSubClientCredential as AioCredential
from azure.messaging.webpubsubclient.models import CallbackType, WebPubSubDataType

# Short waits, so that a run has many attempts.
OPTIONS: Dict[str, Any] = {
    "ack_timeout": 0.7,
    "message_retry_total": 40,
    "message_retry_backoff_factor": 0.15,
    "message_retry_mode": RetryMode.Fixed,
    "reconnect_retry_total": 1000,
    "reconnect_retry_backoff_factor": 0.3,
    "reconnect_retry_mode": RetryMode.Fixed,
}
RETRY_SECONDS = 0.2

_output_lock = threading.Lock()


def emit(event: str, client: str, **fields: Any) -> None:
    line = json.dumps({"event": event, "client": client, **fields})
    with _output_lock:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def content_key(data: str) -> str:
    encoded = data.encode()
    return f"{data.split(' ', 1)[0][:40]}|{len(encoded)}|{zlib.crc32(encoded):x}"


def options(command: Dict[str, Any]) -> Dict[str, Any]:
    return {**OPTIONS, "start_timeout": command["startTimeoutMs"] / 1000}


def content(command: Dict[str, Any], number: int) -> str:
    sizes = command["sizes"]
    return f"{command['client']}-{number} " + "x" * sizes[number % len(sizes)]


class SyncMember:
    """One client with everything an application would do to keep it going."""

    def __init__(self, command: Dict[str, Any]) -> None:
        name, url = command["client"], command["url"]
        self.name: str = name
        self.group: Optional[str] = command["group"]
        self.publishing = True
        self.active = True
        self.client = WebPubSubClient(WebPubSubClientCredential(lambda: url), **options(command))
        on = self.client.subscribe
        on(CallbackType.CONNECTED, lambda e: emit("connected", name, connectionId=e.connection_id))
        on(CallbackType.DISCONNECTED, lambda e: emit("disconnected", name, connectionId=e.connection_id))
        on(CallbackType.GROUP_MESSAGE, self.on_message)
        on(CallbackType.SERVER_MESSAGE, self.on_message)
        on(CallbackType.REJOIN_GROUP_FAILED, self.on_rejoin_failed)
        on(CallbackType.STOPPED, self.on_stopped)

    def on_message(self, event: Any) -> None:
        emit("message", self.name, sequenceId=event.sequence_id, key=content_key(event.data))

    def on_rejoin_failed(self, event: Any) -> None:
        emit("rejoinFailed", self.name, error=str(event.error))
        self.until_done(lambda: self.client.join_group(event.group))

    def on_stopped(self) -> None:
        emit("stopped", self.name)
        self.until_done(self.client.open)

    def until_done(self, action: Callable[[], None]) -> None:
        while self.active:
            try:
                action()
                return
            except Exception as error:  # pylint: disable=broad-except
                emit("note", self.name, text=repr(error))
                time.sleep(RETRY_SECONDS)

    def open(self) -> None:
        self.until_done(self.client.open)
        group = self.group
        if group is not None:
            self.until_done(lambda: self.client.join_group(group))
        emit("ready", self.name)

    def publish(self, command: Dict[str, Any]) -> None:
        numbers = iter(range(1, command["limit"] + 1))
        lock = threading.Lock()

        def work() -> None:
            while self.publishing:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    break
                try:
                    self.client.send_to_group(command["group"], content(command, number), WebPubSubDataType.TEXT)
                    emit("sent", self.name, number=number)
                except Exception as error:  # pylint: disable=broad-except
                    emit("sendFailed", self.name, number=number, error=repr(error))
                time.sleep(command["everyMs"] / 1000)

        workers = [threading.Thread(target=work, daemon=True) for _ in range(command["parallel"])]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        emit("publisherDone", self.name)

    def abandon(self) -> None:
        self.active = False
        self.client.close()


def run_sync() -> None:
    members: Dict[str, SyncMember] = {}

    def background(target: Callable[..., None], *args: Any) -> None:
        threading.Thread(target=target, args=args, daemon=True).start()

    for line in sys.stdin:
        command = json.loads(line)
        operation = command["op"]
        if operation in ("open", "restart"):
            old = members.get(command["client"])
            if old is not None:
                background(old.abandon)
            member = SyncMember(command)
            members[member.name] = member
            if operation == "open":
                member.open()
            else:
                background(member.open)
        elif operation == "publish":
            background(members[command["client"]].publish, command)
        elif operation == "stopPublishing":
            for member in members.values():
                member.publishing = False
        elif operation == "quit":
            break


class AioMember:
    """The same for the aio client."""

    def __init__(self, command: Dict[str, Any]) -> None:
        name, url = command["client"], command["url"]
        self.name: str = name
        self.group: Optional[str] = command["group"]
        self.publishing = True
        self.active = True

        async def provide() -> str:
            return url

        self.client = AioClient(AioCredential(provide), **options(command))

    async def subscribe(self) -> None:
        on = self.client.subscribe
        await on(CallbackType.CONNECTED, self.on_connected)
        await on(CallbackType.DISCONNECTED, self.on_disconnected)
        await on(CallbackType.GROUP_MESSAGE, self.on_message)
        await on(CallbackType.SERVER_MESSAGE, self.on_message)
        await on(CallbackType.REJOIN_GROUP_FAILED, self.on_rejoin_failed)
        await on(CallbackType.STOPPED, self.on_stopped)

    async def on_connected(self, event: Any) -> None:
        emit("connected", self.name, connectionId=event.connection_id)

    async def on_disconnected(self, event: Any) -> None:
        emit("disconnected", self.name, connectionId=event.connection_id)

    async def on_message(self, event: Any) -> None:
        emit("message", self.name, sequenceId=event.sequence_id, key=content_key(event.data))

    async def on_rejoin_failed(self, event: Any) -> None:
        emit("rejoinFailed", self.name, error=str(event.error))
        await self.until_done(lambda: self.client.join_group(event.group))

    async def on_stopped(self) -> None:
        emit("stopped", self.name)
        await self.until_done(self.client.open)

    async def until_done(self, action: Callable[[], Any]) -> None:
        while self.active:
            try:
                await action()
                return
            except Exception as error:  # pylint: disable=broad-except
                emit("note", self.name, text=repr(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def open(self) -> None:
        await self.subscribe()
        await self.until_done(self.client.open)
        group = self.group
        if group is not None:
            await self.until_done(lambda: self.client.join_group(group))
        emit("ready", self.name)

    async def publish(self, command: Dict[str, Any]) -> None:
        numbers = iter(range(1, command["limit"] + 1))

        async def work() -> None:
            while self.publishing:
                number = next(numbers, None)
                if number is None:
                    break
                try:
                    await self.client.send_to_group(command["group"], content(command, number), WebPubSubDataType.TEXT)
                    emit("sent", self.name, number=number)
                except Exception as error:  # pylint: disable=broad-except
                    emit("sendFailed", self.name, number=number, error=repr(error))
                await asyncio.sleep(command["everyMs"] / 1000)

        await asyncio.gather(*(work() for _ in range(command["parallel"])))
        emit("publisherDone", self.name)

    async def abandon(self) -> None:
        self.active = False
        await self.client.close()


async def run_aio() -> None:
    members: Dict[str, AioMember] = {}
    tasks: List["asyncio.Task[None]"] = []
    lines: "asyncio.Queue[str]" = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, '{"op":"quit"}')

    threading.Thread(target=read, daemon=True).start()
    while True:
        command = json.loads(await lines.get())
        operation = command["op"]
        if operation in ("open", "restart"):
            old = members.get(command["client"])
            if old is not None:
                tasks.append(asyncio.create_task(old.abandon()))
            member = AioMember(command)
            members[member.name] = member
            tasks.append(asyncio.create_task(member.open()))
        elif operation == "publish":
            tasks.append(asyncio.create_task(members[command["client"]].publish(command)))
        elif operation == "stopPublishing":
            for member in members.values():
                member.publishing = False
        elif operation == "quit":
            return


if __name__ == "__main__":
    if sys.argv[1] == "aio":
        asyncio.new_event_loop().run_until_complete(run_aio())
    else:
        run_sync()
    # The clients' own threads and tasks may hang in a broken connection: nobody waits for them.
    os._exit(0)
