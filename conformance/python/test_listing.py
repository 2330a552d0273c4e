"""`list_connections`: 450 members, page by page."""

import asyncio

import aiohttp
import pytest
from harness.service import Service, service_class

pytestmark = pytest.mark.newest
COUNT = 450


@pytest.fixture(scope="module")
def crowd(hocket, loop, secrets):
    """450 connections in a group of a hub of their own."""
    build = service_class("sync").from_connection_string
    service = Service("sync", lambda **hooks: build(hocket.connection_string, "crowd", **hooks), loop, secrets)
    urls = [
        service.get_client_access_token(user_id=f"user {number}" if number % 2 else None, groups=["my-group"])["url"]
        for number in range(COUNT)
    ]

    async def open_all():
        session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        gate = asyncio.Semaphore(50)

        async def open_one(url):
            async with gate:
                return await session.ws_connect(url)

        return session, await asyncio.gather(*[open_one(url) for url in urls])

    session, sockets = loop.run(open_all)
    yield

    async def close_all():
        await asyncio.gather(*[socket.close() for socket in sockets])
        await session.close()

    loop.run(close_all)
    service.close()


@pytest.fixture
def crowd_service(crowd, make_service):
    return make_service("crowd", empty=False)


def test_everybody_is_listed_once(crowd_service):
    members = crowd_service.members(group="my-group")
    assert len({member.connection_id for member in members}) == len(members) == COUNT
    users = [member.user_id for member in members]
    assert users.count(None) == COUNT // 2
    assert {user for user in users if user} == {f"user {number}" for number in range(1, COUNT, 2)}


def test_pages_hold_200_each(crowd_service):
    pages = crowd_service.pages(group="my-group")
    assert [len(page) for page in pages] == [200, 200, 50]
    assert [member.connection_id for page in pages for member in page] == [
        member.connection_id for member in crowd_service.members(group="my-group")
    ]


def test_pages_can_be_smaller(crowd_service):
    assert [len(page) for page in crowd_service.pages(group="my-group", maxpagesize=100)] == [100, 100, 100, 100, 50]


@pytest.mark.parametrize(("top", "pages"), [(1, [1]), (200, [200]), (201, [200, 1]), (10_000, [200, 200, 50])])
def test_top_ends_the_listing_over_all_pages(crowd_service, top, pages):
    assert [len(page) for page in crowd_service.pages(group="my-group", top=top)] == pages


def test_top_and_page_size_together(crowd_service):
    assert [len(page) for page in crowd_service.pages(group="my-group", top=250, maxpagesize=100)] == [100, 100, 50]


def test_an_empty_group_has_no_members(crowd_service):
    assert crowd_service.members(group="nobody") == []


def test_following_a_listing_sends_a_token_for_every_page(crowd_service):
    crowd_service.members(group="my-group")
    assert crowd_service.statuses[-3:] == [200, 200, 200]
    assert all("continuationToken=" in request for request in crowd_service.requests[-2:])
