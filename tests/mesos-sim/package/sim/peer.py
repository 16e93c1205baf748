"""A link between two simulated processes: one JSON object a line, in both directions, over one TCP connection.

It stands for libprocess' messages: that it breaks is noticed at once, as a closed socket is there."""

import asyncio
import json


class Peer:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.address = writer.get_extra_info("peername")

    @classmethod
    async def connect(cls, host, port, name, timeout=2):
        reader, writer = await asyncio.wait_for(asyncio.open_connection(host, port, limit=1 << 26), timeout)
        writer.write(f"SIM {name}\n".encode())
        return cls(reader, writer)

    def send(self, kind, **fields):
        if not self.writer.is_closing():
            self.writer.write(json.dumps({"kind": kind, **fields}).encode() + b"\n")

    async def receive(self):
        """The next message, or None when the other side is gone."""
        try:
            line = await self.reader.readline()
        except (ConnectionError, asyncio.IncompleteReadError, ValueError):
            return None
        return json.loads(line) if line.endswith(b"\n") else None

    async def ask(self, kind, timeout=2, **fields):
        self.send(kind, **fields)
        return await asyncio.wait_for(self.receive(), timeout)

    def close(self):
        self.writer.close()
