"""The kernel: what every feature shares. It knows no GraphQL, no HTTP and no feature's word (permissions excepted).

Values: `ids`, `money`, `quantity`, `text`, `clock`. Failures: `problems`. Who acts: `permissions`, `actor`.
Data: `database` (columns, engine, transactions), `work` (one command's unit of work), `outbox` (facts announced
after the commit), `idempotency`, `due` (what happens once a business day), `crypto`.
"""
