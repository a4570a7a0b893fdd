"""A websocket's bytes before they are messages: read in slices, their frames counted, nothing read that waits for its turn.

The server's own protocol parses whatever one read brought, tens of thousands of frames, before anybody else has a turn;
it answers every ping whether or not its sender takes the answers, keeps fragments without number, and forgets a handshake
that can't be read, so that its connection stays for ever.
"""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import CTRL_OPCODES, Frame
from websockets.http11 import Response
from websockets.server import ServerProtocol

from salonos.edge.gate import SECURITY_HEADERS, Headers
from salonos.kernel.clock import monotonic_s

SLICE_BYTES = 512
"""Parsed before anything is counted: at most 85 frames, and as many messages as wait at a time."""
WINDOW_S = 10.0
CONTROLS_MAX, FRAMES_MAX = 20, 1_000
"""In a window. A client pings every twelve to twenty seconds and answers our pings; messages have a budget besides."""
FRAGMENTS_MAX = 256
"""Of one message."""
POLICY, TOO_BIG = 1008, 1009


class Handshake(ServerProtocol):
    """The parser of the package websockets, whose refusals have our headers and repeat nothing."""

    def __init__(self, own: Headers, *, bytes_max: int | None) -> None:
        super().__init__(max_size=bytes_max)
        self.own = own

    def reject(self, status: int, text: str) -> Response:
        """A refusal without a body."""
        del text
        response = super().reject(status, "")
        for name, value in (*self.own, *SECURITY_HEADERS):
            if name != b"date":  # it is there
                response.headers[name.decode()] = value.decode()
        return response


class Frames(WebSocketsSansIOProtocol):
    """The server's protocol with these bounds."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.conn = Handshake(self.default_headers, bytes_max=self.config.ws_max_size)
        self._held = bytearray()
        self._since_s, self._frames, self._controls = monotonic_s(), 0, 0

    def data_received(self, data: bytes) -> None:
        """Bytes, of which those that may not be parsed yet are kept: no more are read until they were."""
        self._held += data
        self._go_on()

    def pause_writing(self) -> None:
        """The client does not take what it was sent: nothing is read of it, which could only need more answers."""
        super().pause_writing()
        self._go_on()

    def resume_writing(self) -> None:
        """It took it."""
        super().resume_writing()
        self._go_on()

    async def receive(self) -> Any:
        """The next message for the application; what waits behind the last one is parsed then."""
        message = await self.queue.get()
        if self.read_paused and self.queue.empty():
            self.read_paused = False
            self._go_on()
        return message

    def _go_on(self) -> None:
        """Parses until there is a message to take, or an answer that is not fetched; reads on when all is parsed."""
        while self._held and self._is_free():
            piece = bytes(self._held[:SLICE_BYTES])
            del self._held[:SLICE_BYTES]
            self._parse(piece)
        if self.transport.is_closing():
            self._held.clear()
        elif self._is_free():
            self.transport.resume_reading()
        else:
            self.transport.pause_reading()

    def _is_free(self) -> bool:
        return not self.read_paused and self.writable.is_set() and not self.transport.is_closing()

    def _parse(self, piece: bytes) -> None:
        self.conn.receive_data(piece)
        if self.conn.handshake_exc is not None:
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.transport.close()
        elif self._is_flood():
            self._fail(POLICY, "Too many frames")
        elif self.conn.parser_exc is not None:
            self.handle_parser_exception()
        else:
            self.handle_events()
            if len(self.frames) > FRAGMENTS_MAX:
                self._fail(TOO_BIG, "Too many fragments")

    def _is_flood(self) -> bool:
        """Whether what was just parsed is more than a client has to say."""
        opcodes = [event.opcode for event in self.conn.events if isinstance(event, Frame)]
        if not opcodes:
            return False
        now_s = monotonic_s()
        if now_s - self._since_s >= WINDOW_S:
            self._since_s, self._frames, self._controls = now_s, 0, 0
        self._frames += len(opcodes)
        self._controls += sum(opcode in CTRL_OPCODES for opcode in opcodes)
        return self._frames > FRAMES_MAX or self._controls > CONTROLS_MAX

    def _fail(self, code: int, reason: str) -> None:
        """Ends it without waiting for the client's own close."""
        self.conn.fail(code, reason)
        if self.conn.close_sent is None:  # no websocket yet
            self.transport.close()
        else:
            self.handle_parser_exception()
