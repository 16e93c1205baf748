"""HTTP as libprocess speaks it: the order of its headers, its texts, its gzip, and nothing of routes in the first
moment."""

import asyncio
import gzip
import json
import os
import socket
import ssl
from email.utils import formatdate
from urllib.parse import parse_qs, unquote, urlsplit

from peer import Peer

REASONS = {
    200: "OK",
    307: "Temporary Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    415: "Unsupported Media Type",
    503: "Service Unavailable",
}
# libprocess compresses bodies from this size on for clients that accept it.
GZIP_FROM = 1024
# How long a new process answers 404 to everything: it listens before it has routes (behaviour 7).
SECONDS_WITHOUT_ROUTES = 0.15


class Request:
    def __init__(self, method, target, headers, body):
        parts = urlsplit(target)
        self.method = method
        self.path = unquote(parts.path)
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.headers = headers
        self.body = body


class Response:
    """`headers` are those between Date and the body, in their order; Content-Length is filled in."""

    def __init__(self, status, headers=(), body=b""):
        self.status = status
        self.headers = list(headers)
        self.body = body.encode() if isinstance(body, str) else body


def dumps(value):
    return json.dumps(value, separators=(",", ":"))


def empty():
    return Response(200, [("Content-Length", None)])


def text(status, message):
    """All errors are plain text (behaviour 26)."""
    return Response(status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", None)], message)


def not_found():
    return text(404, "404 Not Found.")


def not_allowed(method):
    response = text(405, f"405 Method Not Allowed. Expecting one of {{ 'POST' }}, but received '{method}'.")
    response.headers.insert(0, ("Allow", "POST"))
    return response


def redirect(location):
    return Response(307, [("Location", location), ("Content-Length", None)])


def ok_v0(value, request=None):
    """The v0 endpoints' JSON, which know `?jsonp=`."""
    callback = request.query.get("jsonp") if request else None
    if callback is not None:
        script = f"{callback}({dumps(value)})"
        return Response(200, [("Content-Length", None), ("Content-Type", "text/javascript")], script)
    return Response(200, [("Content-Length", None), ("Content-Type", "application/json")], dumps(value))


def ok_v1(value):
    return Response(200, [("Content-Type", "application/json"), ("Content-Length", None)], dumps(value))


def tls_context(environment):
    """What LIBPROCESS_SSL_* ask for, or None. From Mesos' documentation, not recorded."""
    if environment.get("LIBPROCESS_SSL_ENABLED", "0").lower() not in ("1", "true"):
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(environment["LIBPROCESS_SSL_CERT_FILE"], environment["LIBPROCESS_SSL_KEY_FILE"])
    if environment.get("LIBPROCESS_SSL_REQUIRE_CERT", "0").lower() in ("1", "true"):
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(environment["LIBPROCESS_SSL_CA_FILE"])
    return context


class Closed(Exception):
    """The connection is to be closed without an answer."""


class Server:
    """Serves `handle(request) -> Response`. A connection that begins with `SIM name` is not HTTP but the simulated
    processes' own link (libprocess' messages in the real thing), and is given to `link(name, peer)`."""

    def __init__(self, handle, link=None):
        self.handle, self.link = handle, link
        self.without_routes_until = 0
        self.tls = tls_context(os.environ)

    async def listen(self, port):
        loop = asyncio.get_running_loop()
        self.without_routes_until = loop.time() + SECONDS_WITHOUT_ROUTES
        if self.tls:
            listener = socket.create_server(("0.0.0.0", port), backlog=100)
            listener.setblocking(False)
            self.accepting = asyncio.ensure_future(self._accept(listener))
        else:
            await asyncio.start_server(self._connection, "0.0.0.0", port, limit=1 << 26, reuse_address=True)

    async def _accept(self, listener):
        while True:
            connection, _ = await asyncio.get_running_loop().sock_accept(listener)
            asyncio.ensure_future(self._begin(connection))

    async def _begin(self, connection):
        """The simulated processes' own link is plain also where TLS is on: which it is, is seen from the first byte."""
        loop = asyncio.get_running_loop()
        readable = loop.create_future()
        loop.add_reader(connection, lambda: readable.done() or readable.set_result(None))
        await readable
        loop.remove_reader(connection)
        try:
            first = connection.recv(1, socket.MSG_PEEK)
            reader = asyncio.StreamReader(limit=1 << 26)
            handle = self._connection if first == b"\x16" else self._own_link
            protocol = asyncio.StreamReaderProtocol(reader, handle)
            context = self.tls if first == b"\x16" else None
            await loop.connect_accepted_socket(lambda: protocol, connection, ssl=context)
        except OSError:  # ssl.SSLError is one
            connection.close()

    async def _own_link(self, reader, writer):
        """A connection without TLS where TLS is on: HTTP is not answered."""
        first = await reader.readline()
        if first.startswith(b"SIM ") and self.link:
            await self.link(first.decode().split()[1], Peer(reader, writer))
        writer.close()

    async def _connection(self, reader, writer):
        try:
            while await self._exchange(reader, writer):
                pass
        except (Closed, ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            writer.close()

    async def _exchange(self, reader, writer):
        first = (await reader.readline()).decode("latin-1").split()
        if not first:
            return False
        if first[0] == "SIM" and self.link:
            await self.link(first[1], Peer(reader, writer))
            return False
        if len(first) != 3:
            return False
        headers = {}
        while True:
            line = (await reader.readline()).decode("latin-1").strip()
            if not line:
                break
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        body = await reader.readexactly(int(headers.get("content-length") or 0))
        if asyncio.get_running_loop().time() < self.without_routes_until:
            response = not_found()
        else:
            response = await self.handle(Request(first[0], first[1], headers, body))
        self._send(writer, response, "gzip" in headers.get("accept-encoding", ""))
        await writer.drain()
        return headers.get("connection", "").lower() != "close" and first[2] != "HTTP/1.0"

    @staticmethod
    def _send(writer, response, accepts_gzip):
        headers, body = response.headers, response.body
        lines = [f"HTTP/1.1 {response.status} {REASONS[response.status]}"]
        if accepts_gzip and response.status == 200 and len(body) >= GZIP_FROM:
            body = gzip.compress(body)
            lines.append("Content-Encoding: gzip")
        lines.append(f"Date: {formatdate(usegmt=True)}")
        lines += [f"{name}: {len(body) if name == 'Content-Length' else value}" for name, value in headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
