"""The grammar of our schema: how a feature's `graph.py` says what may be read and written, and how that is answered.

A feature declares; nothing here knows a feature. The rooms, from the outside in:

`fields`      node, row, column, one, many, connection, by_id, by_key, reading, sealed, where, orders, extend, ref
`mutations`   the decorator of a write; `events` on_event and on_change of a subscription
`directives`  who may: @public, @authenticated, @requiresPermission, @masked
`scalars`     Money and the others; `roots` Query, Mutation, Subscription, Node, Connection; `problem` expected failures
`schema`      features become one schema; `check` and `catalogue` refuse at start-up what would answer wrongly
`compiler`, `pages`, `values`, `sql`, `plan`   one operation and one set of rights become one SQL statement
`documents`, `limits`, `caches`   texts read, limited and validated once, and kept within bounds
`execute`, `payload`, `inputs`, `results`, `live`, `errors`   answering: queries, mutations, subscriptions, every failure
"""
