"""Tests with clients that only Django has; test_django.py runs them."""

import asyncio

import pytest
from django.test import AsyncClient
from rest_framework.test import APIClient


def test_logs_in_with_the_asynchronous_client(peeringdb, make_portal, in_django):
    client = in_django(make_portal(start_method="POST"), AsyncClient)

    async def visit():
        with pytest.raises(TypeError, match=r"await peeringdb\.alog_in"):
            peeringdb.log_in(client, "member")
        return await peeringdb.alog_in(client, "member", method="POST"), await client.get("/")

    assert [response.text for response in asyncio.run(visit())] == ["Hello Mel Member"] * 2


def test_logs_in_with_the_client_of_rest_framework(peeringdb, make_portal, in_django):
    client = in_django(make_portal(), APIClient)
    assert peeringdb.log_in(client, "member").text == "Hello Mel Member"
    assert client.get("/").text == "Hello Mel Member"
