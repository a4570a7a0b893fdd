"""The HTTP process: one ASGI application in front of the engine.

`app` puts it together; `endpoint` answers JSON POSTs; `socket` speaks graphql-transport-ws and `stream` server-sent
events; `strict_json` reads bodies; `gate` holds hosts, origins, sizes and headers; `sessions` turns tokens into actors;
`health` and `playground` are what their names say; `logs` writes one JSON line a request without personal data.
"""
