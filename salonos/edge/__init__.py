"""The HTTP process: one ASGI application in front of the engine.

`server` runs it and `app` puts it together; `endpoint` answers JSON POSTs and server-sent events, `socket` speaks
graphql-transport-ws; `strict_json` reads bodies; `gate` holds hosts, origins, sizes and headers; `sessions` turns tokens
into actors; `health` is what its name says; `logs` writes one JSON line a request without personal data. Below them all
`connections` and `frames` bound what a client's bytes may cost before they are requests and messages.
"""
