"""The yardstick of `make bench-simcluster`: the same bytes over the same TLS, and nothing else.

Runs as a process of its own: `echo.py CERTIFICATE KEY FOLDER` serves the folder's files by name from memory.
Its first line of output is the port; ends with its input.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from pathlib import Path


async def serve(context: ssl.SSLContext, bodies: dict[str, bytes]) -> None:
    """Serve until standard input closes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                body = bodies[head.split(b" ", 2)[1].decode().strip("/")]
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
                writer.write(body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)


def main() -> None:
    """Reads the arguments and serves."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    bodies = {path.name: path.read_bytes() for path in Path(sys.argv[3]).iterdir()}
    asyncio.run(serve(context, bodies))


if __name__ == "__main__":
    main()
