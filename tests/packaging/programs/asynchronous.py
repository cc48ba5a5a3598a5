"""Logs somebody in with asyncio."""

from typing import assert_type

from peeringdb_oauth import AsyncClient, BearerVerifier, ClientConfig, Login, User


async def log_in(callback: dict[str, str]) -> User:
    async with AsyncClient(ClientConfig.load()) as client:
        request = client.authorization_request(prompt="login")
        login = await client.log_in(request, callback)
        assert_type(login, Login)
        verifier = BearerVerifier(client)
        return await verifier.verify("token")
