"""The catalogue of hostile requests over HTTP: by the numbers of docs/security.md, each with the answer that it gets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OWNER, STYLIST, STRANGER = "owner", "stylist", "stranger"
BAD, COMPLEX, DENIED, ANONYMOUS = "BAD_REQUEST", "QUERY_TOO_COMPLEX", "FORBIDDEN", "UNAUTHENTICATED"
TYPENAME = b'{"query": "{ __typename }"}'
EXACT = {"accept": "application/graphql-response+json"}


@dataclass(frozen=True)
class Attack:
    """A request and its answer. `code` is the first error's; `problem` the type that a mutation answers with instead."""

    id: str
    name: str
    body: bytes = TYPENAME
    who: str = STRANGER
    headers: Mapping[str, str] = field(default_factory=dict)
    method: str = "POST"
    path: str = "/graphql"
    status: int = 400
    code: str = BAD
    problem: str = ""

    @property
    def title(self) -> str:
        """The case's name."""
        return f"{self.id} {self.name}"


def asking(number: str, name: str, query: str, variables: Any = None, **more: Any) -> Attack:
    """An operation, as the owner unless somebody else is named; the exact media type makes a refusal a 400."""
    body = json.dumps({"query": query, "variables": variables}).encode()
    return Attack(number, name, body, **{"who": OWNER, "headers": EXACT, **more})


def _deep(levels: int) -> str:
    return '{ bill(id: "bill_0") ' + "{ original " * levels + "{ id }" + " }" * levels + " }"


def _bomb(fragments: int) -> str:
    parts = [f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(fragments)]
    return "{ ...f0 } " + " ".join(parts) + f" fragment f{fragments} on Query {{ __typename }}"


SIGN_IN = 'signIn(input: {username: "owner", password: "wrong password"}) { __typename }'

DOCUMENTS = [
    asking("A1", "13 levels", _deep(13), code=COMPLEX),
    asking("A1", "100 levels", _deep(100), code=COMPLEX),
    asking("A1", "13 levels through fragments", "{ ...a } " + " ".join(f"fragment {'abcdefghijklmn'[n]} on {'Query' if not n else 'Bill'} {{ {'bill(id: 1)' if not n else 'original'} {{ ...{'abcdefghijklmn'[n + 1]} }} }}" for n in range(13)) + " fragment n on Bill { id }", code=COMPLEX),
    asking("A2", "31 aliases", "{ " + " ".join(f"a{n}: __typename" for n in range(31)) + " }", code=COMPLEX),
    asking("A2", "600 aliases", "{ " + " ".join(f"a{n}: __typename" for n in range(600)) + " }", code=COMPLEX),
    asking("A2", "2,000 aliases", "{ " + " ".join(f"a{n}: __typename" for n in range(2_000)) + " }"),
    asking("A2", "an alias of 64", f"{{ {'a' * 64}: __typename }}"),
    asking("A2", "an alias of 9,000", f"mutation {{ {'a' * 9_000}: {SIGN_IN} }}", who=STRANGER),
    asking("A2", "two passwords in one request", f"mutation {{ a: {SIGN_IN} b: {SIGN_IN} }}", who=STRANGER, code=COMPLEX),
    asking("A2", "two passwords in fragments", f"mutation {{ ...a ... {{ b: {SIGN_IN} }} }} fragment a on Mutation {{ a: {SIGN_IN} }}", who=STRANGER, code=COMPLEX),
    asking("A2", "two refreshes in one request", 'mutation { a: refreshTokens(input: {refreshToken: "x"}) { __typename } b: refreshTokens(input: {refreshToken: "y"}) { __typename } }', who=STRANGER, code=COMPLEX),
    asking("A3", "a field 450 times", "{ " + "viewer { username } " * 450 + "}", code=COMPLEX),
    asking("A3", "a field 5,000 times", "{ " + "__typename " * 5_000 + "}"),
    asking("A3", "inline fragments 400 times", "{ " + "... { __typename } " * 400 + "}", code=COMPLEX),
    asking("A4", "60 fragments that double", _bomb(60), code=COMPLEX),
    asking("A4", "41 fragments that nobody spreads", "{ __typename } " + " ".join(f"fragment f{n} on Query {{ __typename }}" for n in range(41)), code=COMPLEX),
    asking("A4", "401 fields", "{ " + " ".join(f"f{n}" for n in range(401)) + " }", code=COMPLEX),
    asking("A4", "a fragment of 50 fields at nine places", '{ bill(id: "bill_0") { ' + "...f original { " * 8 + "...f" + " }" * 10 + " fragment f on Bill { " + " ".join(f"f{n}" for n in range(50)) + " }", code=COMPLEX),
    asking("A5", "a cycle of two", "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }"),
    asking("A5", "a fragment in itself", "{ ...a } fragment a on Query { ...a }"),
    asking("A5", "a fragment that is not there", "{ ...Nope }"),
    asking("A5", "a fragment on a type that is not there", "{ ...a } fragment a on Nope { id }"),
    asking("A5", "a fragment on a scalar", "{ ...a } fragment a on String { id }"),
    asking("A5", "two fragments of one name", "{ ...a } fragment a on Query { __typename } fragment a on Query { __typename }"),
    asking("A5", "only a fragment", "fragment a on Query { __typename }"),
    asking("A6", "11 directives", "{ __typename " + "@skip(if: false) " * 11 + "}", code=COMPLEX),
    asking("A6", "a directive twice", "{ __typename @skip(if: false) @skip(if: false) }"),
    asking("A6", "an unknown directive", "{ __typename @nowhere }"),
    asking("A6", "2,000 unknown directives", "{ __typename " + "@a " * 2_000 + "}"),
    asking("A6", "a directive without its argument", "{ __typename @skip }"),
    asking("A6", "a directive of schemas", '{ __typename @deprecated(reason: "x") }'),
    asking("A6", "our own directive", "{ __typename @requiresPermission(permission: SCHEMA_READ) }"),
    asking("A7", "2,001 tokens", "{ " + "a " * 2_001 + "}"),
    asking("A7", "20,001 characters of comment", "{ __typename } #" + "x" * 20_000),
    asking("A7", "a block string of 20,000", '{ node(id: """' + "x" * 20_000 + '""") { id } }'),
    Attack("A7", "a comment of a megabyte", b'{"query": "{ __typename } #' + b"x" * 1_000_000 + b'"}', status=413, code="TOO_LARGE"),
    Attack("A7", "a body of spaces", b" " * (256 * 1024 + 1), status=413, code="TOO_LARGE"),
    asking("A8", "900 levels", "{ a " * 900 + "}" * 900),
    asking("A8", "3,000 levels", "{ a " * 3_000 + "}" * 3_000),
    asking("A8", "a list of 900 levels", "{ bills(filter: " + "[" * 900 + "]" * 900 + ") { nodes { id } } }"),
    asking("A8", "an object of 400 levels", "{ bills(filter: " + "{a: " * 400 + "1" + "}" * 400 + ") { nodes { id } } }"),
    asking("A8", "a type of 900 lists", "query($a: " + "[" * 900 + "Int" + "]" * 900 + ") { __typename }"),
    asking("A9", "circular introspection by the owner", "{ __schema { types " + "{ fields { type " * 12 + "{ name }" + " }}" * 12 + " }}", code=COMPLEX),
    asking("A9", "the schema, by a stylist", "{ __schema { types { name } } }", who=STYLIST, status=400, code=DENIED),
    asking("A9", "the schema, by a stranger", "{ __schema { types { name } } }", who=STRANGER, status=400, code=ANONYMOUS),
    asking("A9", "the schema in a fragment", "{ __typename ...f } fragment f on Query { ... { a: __schema { types { name } } } }", who=STYLIST, code=DENIED),
    asking("A9", "the schema behind a directive", "query($b: Boolean!) { __schema @include(if: $b) { types { name } } }", {"b": True}, who=STYLIST, code=DENIED),
    asking("A9", "twelve aliases of the schema", "{ " + " ".join(f"a{n}: __schema {{ types {{ fields {{ type {{ name }} }} }} }}" for n in range(12)) + " }", code=COMPLEX),
    asking("A9", "the schema twice, once in a fragment", "{ __schema { types { name } } ...f } fragment f on Query { a: __schema { types { name } } }", code=COMPLEX),
    asking("A9", "aliases below the schema", "{ __schema { " + " ".join(f"a{n}: types {{ fields {{ name }} }}" for n in range(12)) + " } }", code=COMPLEX),
    asking("A9", "the members' members of all types", "{ __schema { types { fields { type { possibleTypes { name } } } } } }", code=COMPLEX),
    asking("A9", "the members' members in a fragment", "{ __schema { types { fields { type { ...f } } } } } fragment f on __Type { fields { name } }", code=COMPLEX),
    asking("A10", "six types by their names", "{ " + " ".join(f'a{n}: __type(name: "Bill") {{ name }}' for n in range(6)) + " }", code=COMPLEX),
    asking("A10", "a type by its name, by a stylist", '{ __type(name: "Bill") { name } }', who=STYLIST, code=DENIED),
    asking("A10", "a type that is not there, by a stylist", '{ __type(name: "Canary") { name } }', who=STYLIST, code=DENIED),
    asking("A10", "a type by its name, by a stranger", '{ __type(name: "Bill") { name } }', who=STRANGER, code=ANONYMOUS),
    asking("A10", "a type by a variable", "query($n: String!) { t: __type(name: $n) { fields { name } } }", {"n": "Bill"}, who=STYLIST, code=DENIED),
    asking("A10", "types below a field", '{ viewer { __type(name: "Bill") { name } } }', who=STYLIST),
    asking("A13", "six operations", " ".join(f"query q{n} {{ __typename }}" for n in range(6))),
    asking("A13", "two without a name", "query a { __typename } query b { __typename }"),
    asking("A13", "two of one name", "query a { __typename } query a { __typename }"),
    asking("A13", "none", "# nothing"),
    asking("A13", "a schema", "type Query { a: Int }"),
    asking("A13", "an operation of another's fields", "mutation { viewer { username } }"),
    asking("A14", "@defer", "{ ... @defer { __typename } }"),
    asking("A14", "@stream", "{ bills(first: 1) { nodes @stream { id } } }"),
    asking("A17", "a subscription as JSON", "subscription { billPosted { cursor } }"),
]  # fmt: skip

NAMES = [
    Attack("A13", f"six operations by {name!r}", json.dumps({"query": " ".join(f"query q{n} {{ __typename }}" for n in range(6)), "operationName": name}).encode(), who=OWNER, headers=EXACT, code=code)
    for name, code in (("q0", COMPLEX), ("nope", BAD), ("", BAD), ("__proto__", BAD))
] + [
    Attack("A13", f"operationName {name!r}", json.dumps({"query": "query a { __typename } fragment f on Query { __typename }", "operationName": name}).encode(), headers=EXACT)
    for name in ("f", "", "a\0", "A" * 10_000, "toString")
]  # fmt: skip

SUGGESTED = [
    asking("A11", name, query, who=STRANGER)
    for name, query in {
        "a root field": "{ vieweer { username } }",
        "a field": "{ viewer { usernam } }",
        "what is below a field": "{ bills }",
        "a mutation": "mutation { signn(input: {}) { __typename } }",
        "a subscription": "subscription { billPostd { cursor } }",
        "an argument": "{ bills(firs: 1) { nodes { id } } }",
        "a type": "{ node(id: 1) { ... on Bil { id } } }",
        "a variable's type": "query($a: BillFiltr) { bills(filter: $a) { nodes { id } } }",
        "an input's field": "{ bills(filter: {statu: POSTED}) { nodes { id } } }",
        "an enum's value": "{ bills(filter: {status: POSTD}) { nodes { id } } }",
        "an enum's value as text": '{ bills(filter: {status: "POSTED"}) { nodes { id } } }',
        "a directive": "{ __typename @skp(if: true) }",
        "a directive's argument": "{ __typename @skip(i: true) }",
        "an order": "{ bills(orderBy: {field: TOTL}) { nodes { id } } }",
        "a required argument": "{ bill { id } }",
        "a member of a union": 'mutation { signIn(input: {username: "a", password: "b"}) { ... on SignInSucces { accessToken } } }',
        "a variable": "query($filter: BillFilter) { bills(filter: $filtr) { nodes { id } } }",
        "a fragment": "{ ...billls } fragment bills on Query { __typename }",
    }.items()
] + [
    asking("A11", f"in variables: {name}", "query($f: BillFilter) { bills(filter: $f) { nodes { id } } }", {"f": value}, who=STRANGER)
    for name, value in {"an input's field": {"statu": "POSTED"}, "an enum's value": {"status": "POSTD"}, "an enum's value in small letters": {"status": "posted"}}.items()
]  # fmt: skip

PAGES = [
    asking("A15", name, f"{{ bills({arguments}) {{ nodes {{ id }} }} }}")
    for name, arguments in {
        "101": "first: 101",
        "beyond 32 bits": "first: 2147483648",
        "beyond 64 bits": "first: 99999999999999999999",
        "-1": "first: -1",
        "0": "first: 0",
        "last -1": "last: -1",
        "first and last": "first: 1, last: 1",
        "as text": 'first: "10"',
        "a float": "first: 1.5",
        "an exponent": "first: 1e9",
        "a list": "first: [1]",
        "offset": "offset: 1000000",
    }.items()
] + [
    asking("A15", f"a cursor of {name}", "query($c: String) { bills(first: 1, after: $c) { nodes { id } } }", {"c": cursor}, code="BAD_CURSOR")
    for name, cursor in {
        "nothing": "",
        "garbage": "zz",
        "base64 of nothing": "====",
        "SQL": "' or 1=1 --",
        "an emoji": "🙂",
        "a pickle": "gASVBAAAAAAAAABdlC4=",
        "10,000 characters": "A" * 10_000,
        "numbers": "W10=",
        "null": "bnVsbA==",
        "deep JSON": "W1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tb",
    }.items()
]  # fmt: skip

MADE = "mutation($i: CreateCustomerInput!, $n: Int{default}) {{ createCustomer(input: $i) {{ ... on CreateCustomerSuccess {{ customer {{ bills(first: $n) {{ nodes {{ customer {{ bills(first: $n) {{ nodes {{ lines {{ id }} }} }} }} }} }} }} }} }} }}"
COST = [
    asking("A15", "a thousand million", "{ bills(first: 1000000000) { nodes { id } } }", code=COMPLEX),
] + [
    asking("A16", name, query, variables, code=COMPLEX)
    for name, query, variables in (
        ("pages in pages", "{ customers(first: 100) { nodes { bills(first: 100) { nodes { lines { id } } } } } }", None),
        ("by variables", "query($n: Int) { customers(first: $n) { nodes { bills(first: $n) { nodes { lines { id } } } } } }", {"n": 100}),
        ("pages in ids", "query($i: [ID!]!) { nodes(ids: $i) { ... on Customer { bills(first: 100) { nodes { lines { id } } } } } }", {"i": [f"customer_{n:032x}" for n in range(50)]}),
        ("in a fragment", "{ customers(first: 100) { nodes { ...c } } } fragment c on Customer { bills(first: 100) { edges { node { payments { id } } } } }", None),
        ("by aliases", "{ " + " ".join(f"a{n}: customers(first: 100) {{ nodes {{ bills(first: 20) {{ nodes {{ id }} }} }} }}" for n in range(11)) + " }", None),
        ("below one id without a list", "{ " + " ".join(f'a{n}: nodes(ids: "customer_{n:032x}") {{ ... on Customer {{ bills(first: 100) {{ nodes {{ lines {{ id }} payments {{ id }} }} }} }} }}' for n in range(20)) + " }", None),
        ("first: null", "{ " + " ".join(f"a{n}: customers(first: null) {{ nodes {{ bills(first: 100) {{ nodes {{ id }} }} }} }}" for n in range(10)) + " }", None),
        ("first: $n, and $n is null", "query($n: Int) { " + " ".join(f"a{n}: customers(first: $n) {{ nodes {{ bills(first: 100) {{ nodes {{ id }} }} }} }}" for n in range(10)) + " }", {"n": None}),
        ("a default in a mutation", MADE.format(default=" = 100"), {"i": {"name": "Canary"}}),
        ("a float in a mutation", MADE.format(default=""), {"i": {"name": "Canary"}, "n": 100.0}),
    )
]  # fmt: skip

CONTENT_TYPES = [
    Attack("A18", repr(kind), headers={"content-type": kind}, status=415)
    for kind in ("text/plain", "text/plain; application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/graphql", "application/json; charset=utf-16", "application/jsonp", "application/json, text/plain", "")
]  # fmt: skip

METHODS = [
    Attack("A17", method, method=method, status=405, code="" if method == "HEAD" else BAD)
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND")
] + [
    Attack("A17", "a query in the address", method="GET", path="/graphql?query={__typename}", status=405),
    Attack("A17", "a mutation in the address", method="GET", path="/graphql?query=mutation{signOut(input:{}){__typename}}", who=OWNER, status=405),
    Attack("A32", "a token in the address", path="/graphql?access_token=canary"),
    Attack("A32", "a token in the address of a query", path="/graphql?token=canary", body=TYPENAME),
    Attack("A32", "anything in the address", path="/graphql?a"),
    Attack("A39", "gzip", headers={"content-encoding": "gzip"}, status=415),
    Attack("A39", "brotli", headers={"content-encoding": "br"}, status=415),
    Attack("A12", "an empty batch", b"[]"),
    Attack("A12", "a batch of one", b"[" + TYPENAME + b"]"),
    Attack("A12", "a batch of a thousand", b"[" + b",".join([TYPENAME] * 1_000) + b"]"),
    Attack("A12", "a batch in the query", b'{"query": [' + TYPENAME + b"]}"),
    Attack("A14", "a multipart reply", headers={"accept": "multipart/mixed;deferSpec=20220824"}, status=406),
    Attack("A60", "an upload", b'--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{}\r\n--x--', headers={"content-type": "multipart/form-data; boundary=x"}, status=415),
]  # fmt: skip

BODIES = [
    Attack("A38", name, body)
    for name, body in {
        "empty": b"",
        "text": b'"x"',
        "a number": b"1",
        "null": b"null",
        "true": b"true",
        "half": b'{"query": "{ __typename }"',
        "two": TYPENAME * 2,
        "a comma too many": b'{"query": "{ __typename }",}',
        "single quotes": b"{'query': '{ __typename }'}",
        "a comment": b'{"query": "{ __typename }" /* x */}',
        "not a number": b'{"query": "{ __typename }", "variables": {"a": NaN}}',
        "infinite": b'{"query": "{ __typename }", "variables": {"a": -Infinity}}',
        "a huge exponent": b'{"query": "{ __typename }", "variables": {"a": 1e999}}',
        "5,000 digits": b'{"query": "{ __typename }", "variables": {"a": ' + b"9" * 5_000 + b"}}",
        "20 digits": b'{"query": "{ __typename }", "variables": {"a": ' + b"9" * 20 + b"}}",
        "-20 digits": b'{"query": "{ __typename }", "variables": {"a": -' + b"9" * 20 + b"}}",
        "a leading zero": b'{"query": "{ __typename }", "variables": {"a": 01}}',
        "a query twice": b'{"query": "{ __typename }", "query": "{ canary }"}',
        "a variable twice": b'{"query": "{ __typename }", "variables": {"a": 1, "a": 2}}',
        "a key twice, once escaped": b'{"query": "{ __typename }", "\\u0071uery": "{ canary }"}',
        "100 levels": b'{"query": "{ __typename }", "variables": ' + b'{"a":' * 100 + b"1" + b"}" * 101,
        "100,000 levels": b"[" * 100_000,
        "100,000 objects": b'{"a":' * 40_000,
        "latin-1": b'{"query": "{ __typename } #\xe9"}',
        "overlong UTF-8": b'{"query": "{ __typename } #\xc0\xaf"}',
        "a surrogate in UTF-8": b'{"query": "{ __typename } #\xed\xa0\x80"}',
        "half a surrogate": b'{"query": "{ __typename } #\\ud800"}',
        "a NUL": b'{"query": "{ __typename }\x00"}',
        "UTF-16": '{"query": "{ __typename }"}'.encode("utf-16"),
        "UTF-32": '{"query": "{ __typename }"}'.encode("utf-32"),
        "a byte order mark": b"\xef\xbb\xbf" + TYPENAME,
        "no query": b"{}",
        "a list as query": b'{"query": ["{ __typename }"]}',
        "null as query": b'{"query": null}',
        "a number as operationName": b'{"query": "{ __typename }", "operationName": 1}',
        "a list as variables": b'{"query": "{ __typename }", "variables": [1]}',
        "text as variables": b'{"query": "{ __typename }", "variables": "{}"}',
    }.items()
] + [
    Attack("A37", "a list of 100,000", b'{"query": "{ __typename }", "variables": {"a": [' + b",".join([b"1"] * 100_000) + b"]}}"),
    Attack("A37", "10,000 keys", json.dumps({"query": "{ __typename }", "variables": {f"k{n}": 1 for n in range(10_000)}}).encode()),
    Attack("A37", "an object of 201 keys in a list", json.dumps({"query": "{ __typename }", "variables": {"a": [{f"k{n}": 1 for n in range(201)}]}}).encode()),
    Attack("A37", "5 MB of text", b'{"query": "{ __typename }", "variables": {"a": "' + b"x" * 5_000_000 + b'"}}', status=413, code="TOO_LARGE"),
    asking("A37", "33 levels", "{ __typename }", {"a": json.loads("[" * 31 + "]" * 31)}),
    asking("A37", "51 ids", "query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": [f"bill_{n:032x}" for n in range(51)]}),
]  # fmt: skip
