"""The catalogue of hostile values: texts, numbers, dates, ids and tokens in operations that are right otherwise."""

import base64
import json
from typing import Any

from tests.faults.attacks import BAD, EXACT, OWNER, STRANGER, TYPENAME, Attack, asking

CUSTOMER = "mutation($i: CreateCustomerInput!) { createCustomer(input: $i) { __typename } }"
SERVICE = "mutation($i: CreateServiceInput!) { createService(input: $i) { __typename } }"
CHECK_OUT = "mutation($i: CheckOutInput!) { checkOut(input: $i) { __typename } }"
JOURNAL = "mutation($i: PostJournalInput!) { postJournal(input: $i) { __typename } }"
SIGN_IN = "mutation($i: SignInInput!) { signIn(input: $i) { __typename } }"
FOUND = "query($f: CustomerFilter) { customers(first: 1, filter: $f) { nodes { id } } }"
BRANCH = "branch_" + "0" * 32
KEY = {"idempotency-key": "0123456789abcdef", **EXACT}
LINE = {"serviceId": "service_" + "0" * 32}


def _customer(title: str, number: str = "A40", **given: Any) -> Attack:
    return asking(
        number, title, CUSTOMER, {"i": {"name": "Canary", **given}}, status=200, code="", problem="InvalidInput"
    )


def _sold(number: str, title: str, /, **given: Any) -> Attack:
    bill = {"branchId": BRANCH, "lines": [LINE], "payments": [], **given}
    return asking(number, title, CHECK_OUT, {"i": bill}, headers=KEY)


TEXTS = [
    _customer("a name of nothing", name=""),
    _customer("a name of spaces", name=" \t "),
    _customer("a name with a line break", name="Asha\nRao"),
    _customer("a name with ANSI", name="\x1b[2JAsha", number="A41"),
    _customer("a name with CRLF and a header", name="Asha\r\nset-cookie: a=b", number="A41"),
    _customer("a name with printer's codes", name="Asha\x1bp\x00\x19\xfa"[:6], number="A41"),
    _customer("a name that turns around", name="Asha \u202eoaR"),
    _customer("a name that isolates", name="Asha \u2066Rao\u2069"),
    _customer("a name with a byte order mark", name="\ufeffAsha"),
    _customer("a name of a private use", name="Asha \ue000"),
    _customer("a name of half a thousand accents", name="A" + "\u0301" * 500),
    _customer("a name of 121 characters", name="a" * 121),
    _customer("a name of 100,000 characters", name="a" * 100_000, number="A37"),
    _customer("notes of 4,001", notes="a" * 4_001, number="A37"),
    _customer("an address of 501", address="a" * 501, number="A37"),
    _customer("an e-mail of 100,000", email="a" * 99_000 + "@salon.example", number="A37"),
    _customer("an e-mail with a header", email="asha@salon.example\r\nbcc: all@salon.example", number="A41"),
    _customer("an e-mail without a host", email="asha@"),
    _customer("a birthday in the future", birthDate="2099-01-01", number="A45"),
] + [
    asking("A40", f"NUL in {name}", query, variables)
    for name, query, variables in (
        ("an id", "query($i: ID!) { node(id: $i) { id } }", {"i": "bill_" + "0" * 31 + "\0"}),
    )
] + [
    asking("A40", f"NUL in {name}", query, variables, status=200)
    for name, query, variables in (
        ("a name", CUSTOMER, {"i": {"name": "Asha\0Rao"}}),
        ("a username", SIGN_IN, {"i": {"username": "owner\0", "password": "x" * 12}}),
    )
]  # fmt: skip

MONEY = [
    asking("A42", f"{value!r} as money", SERVICE, {"i": {"name": "Canary", "price": value, "durationMinutes": 30, "sacCode": "999721", "taxClassId": "taxclass_" + "0" * 32}})
    for value in ("NaN", "sNaN", "Infinity", "-Infinity", "1E+5", "1e400", "1_000.00", " 5.00", "5.00 ", "٣.00", "５.00", "0x10", "1,000.00", "1.000", "1", ".50", "5.", "+5.00", "--5.00", "-0.00"[:0] + "−5.00", "9" * 400 + ".00", "1.00\n", "", "₹5.00", 5, 5.0, True, None, [], {}, ["5.00"])
] + [
    asking("A42", f"{value} in the text as money", f'mutation {{ createService(input: {{name: "Canary", price: {value}, durationMinutes: 30, sacCode: "999721", taxClassId: "a"}}) {{ __typename }} }}')
    for value in ("5.00", "1e999", "5", "NaN", '"""NaN"""', "$x")
] + [
    _sold("A42", f"{value!r} as quantity", lines=[{**LINE, "quantity": value}])
    for value in ("NaN", "1e3", "1.0000", "１", 1, "1_0", "")
] + [
    _sold("A43", f"a quantity of {value}", lines=[{**LINE, "quantity": value}], branchId=BRANCH)
    for value in ("1.2345", "-" + "9" * 30)
] + [
    asking("A44", f"{name}", query, variables)
    for name, query, variables in (
        ("2^31 minutes", SERVICE, {"i": {"name": "Canary", "price": "1.00", "durationMinutes": 2**31, "sacCode": "999721", "taxClassId": "a"}}),
        ("-2^31 - 1 minutes", SERVICE, {"i": {"name": "Canary", "price": "1.00", "durationMinutes": -(2**31) - 1, "sacCode": "999721", "taxClassId": "a"}}),
        ("a float of minutes", SERVICE, {"i": {"name": "Canary", "price": "1.00", "durationMinutes": 30.5, "sacCode": "999721", "taxClassId": "a"}}),
        ("a price beyond 64 bits", SERVICE, {"i": {"name": "Canary", "price": "9" * 19 + ".00", "durationMinutes": 30, "sacCode": "999721", "taxClassId": "a"}}),
        ("a true number", SERVICE, {"i": {"name": "Canary", "price": "1.00", "durationMinutes": True, "sacCode": "999721", "taxClassId": "a"}}),
    )
]  # fmt: skip

DATES = [
    asking("A45", f"{value!r} as a date", "query($f: BillFilter) { bills(first: 1, filter: $f) { nodes { id } } }", {"f": {"since": value}})
    for value in ("0001-01-01", "9999-12-31", "10000-01-01", "infinity", "-infinity", "today", "2025-02-29", "2026-13-01", "2026-00-00", "2026-1-1", "20261123", "2026-11-23T00:00:00", "２０２６-11-23", "2026-11-23 ", "", 20261123, 1e9, None)[:17]
] + [
    asking("A45", f"{value!r} as a birthday", CUSTOMER, {"i": {"name": "Asha", "birthDate": value}})
    for value in ("1899-12-31", "2100-01-01", "1900-02-29", "epoch")
]  # fmt: skip

IDS = [
    asking("A48", f"{name} as an id", "query($i: ID!) { node(id: $i) { id } }", {"i": value}, code=code)
    for name, value, code in (
        ("nothing", "", BAD),
        ("garbage", "canary", BAD),
        ("another type's name", "canary_" + "0" * 32, BAD),
        ("a table's name", "pg_user_" + "0" * 32, BAD),
        ("letters beyond f", "bill_" + "g" * 32, BAD),
        ("capital letters", "BILL_" + "0" * 32, BAD),
        ("31 digits", "bill_" + "0" * 31, BAD),
        ("33 digits", "bill_" + "0" * 33, BAD),
        ("full-width digits", "bill_" + "０" * 32, BAD),
        ("SQL", "bill_' or 1=1 --", BAD),
        ("100,000 characters", "bill_" + "0" * 100_000, BAD),
        ("Relay's base64", base64.b64encode(b"Bill:1").decode(), BAD),
        ("a number", 1, BAD),
        ("a UUID", "0" * 8 + "-0000-0000-0000-" + "0" * 12, BAD),
    )
] + [
    asking("A48", "a customer's id for a bill", "query($i: ID!) { bill(id: $i) { id } }", {"i": "customer_" + "0" * 32}),
    asking("A48", "a bill's id for a branch", "query($f: BillFilter) { bills(first: 1, filter: $f) { nodes { id } } }", {"f": {"branchId": "bill_" + "0" * 32}}),
    asking("A48", "ten thousand ids", "query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": ["b"] * 10_000}),
    asking("A48", "a list in a list of ids", "query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": [["bill_" + "0" * 32]]}),
    asking("A48", "null in a list of ids", "query($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": [None]}),
]  # fmt: skip

KEYS = [
    asking("A50", f"{name} for a customer", CUSTOMER, {"i": {"name": "Canary", name: value}})
    for name, value in {"id": "customer_" + "0" * 32, "createdAt": "2026-01-01T00:00:00Z", "version": 9, "branchId": BRANCH, "role": "OWNER", "__typename": "Customer", "phoneMasked": "x"}.items()
] + [
    _sold("A50", f"{name} for a bill", **{name: value})
    for name, value in {"status": "POSTED", "total": "0.00", "number": "1", "createdAt": "2026-01-01T00:00:00Z", "salonId": "x", "taxTotal": "0.00"}.items()
] + [
    _sold("A50", f"{name} for a line", lines=[{**LINE, name: value}])
    for name, value in {"price": "0.01", "total": "0.00", "taxRate": "0", "position": 9}.items()
] + [
    asking("A59", f"the field {name}", f"{{ {name} }}")
    for name in ("__class__", "__dict__", "__init__", "constructor", "_sa_instance_state", "__proto__", "metadata", "mro")
] + [
    asking("A59", f"the field {name} of a row", f"{{ viewer {{ {name} }} }}")
    for name in ("__class__", "__dict__", "password", "passwordHash", "password_hash", "metadata", "toString")
] + [
    asking("A59", f"the key {name} of an input", CUSTOMER, {"i": {"name": "Canary", name: {}}})
    for name in ("__proto__", "constructor", "__class__", "prototype", "", "a.b", "$where", "name\0")
]  # fmt: skip

IDEMPOTENCY = [
    asking("A52", f"{name} as key", CHECK_OUT, {"i": {"branchId": BRANCH, "lines": [LINE], "payments": []}}, headers={**EXACT, "idempotency-key": key}, status=200)
    for name, key in {"15 characters": "x" * 15, "65 characters": "x" * 65, "10,000 characters": "x" * 10_000, "spaces": "with spaces in the key", "latin-1": "schlüssel-schlüssel", "SQL": "' or 1=1 -- --------", "a path": "../../../../../etc/passwd"}.items()
] + [
    asking("A52", "no key", CHECK_OUT, {"i": {"branchId": BRANCH, "lines": [LINE], "payments": []}}, status=200, code="IDEMPOTENCY_KEY_REQUIRED"),
]  # fmt: skip

HOSTS = [
    Attack("A61", f"the host {host!r} at {path}", path=path, method=method, headers={"host": host}, code="")
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "127.0.0.1:x", "127.0.0.1@evil.example", "[::1")
    for method, path in (("POST", "/graphql"), ("GET", "/readyz"))
]  # fmt: skip

SCHEMES = [
    Attack("A34", name, headers={"authorization": value}, status=401, code="UNAUTHENTICATED")
    for name, value in {
        "no token": "Bearer",
        "a scheme of its own": "Token canary",
        "basic": "Basic b3duZXI6eA==",
        "small letters": "bearer canary",
        "garbage": "Bearer canary",
        "three parts of nothing": "Bearer a.b.c",
        "five parts": "Bearer a.b.c.d.e",
        "5,000 characters": "Bearer " + "x" * 5_000,
        "latin-1": "Bearer é",
        "a token and another": "Bearer a.b.c, Bearer d.e.f",
        "dots": "Bearer ...",
    }.items()
]  # fmt: skip

SEARCHES = ("' or '1'='1", "'; drop table bills; --", "') union select password_hash from staff --", '" or ""="', "\\'; select pg_sleep(9); --", "1) or pg_sleep(9) is null --", "$$;select 1;$$", "%", "%%%", "_", "___", "\\", "%' escape '", "(a+)+$", "[", "*", ".*", "' || (select version()) || '", "${jndi:ldap://x}", "{{7*7}}", "\u0000"[:0] + "☃", "ａｓｈａ", "a" * 5_000)  # fmt: skip
"""What no customer is called: answered with nothing, or refused; never with a row, never late."""

SIGN_INS = [
    asking("A55", f"a password of {size:,}", SIGN_IN, {"i": {"username": "owner", "password": "x" * size}}, who=STRANGER, status=200, code="", problem="InvalidInput")
    for size in (129, 200_000)
] + [
    asking("A40", f"{name} for the owner's name", SIGN_IN, {"i": {"username": value, "password": "nine purple umbrellas"}}, who=STRANGER, status=200, code="", problem=problem)
    for name, value, problem in (("Cyrillic", "оwner", "WrongCredentials"), ("a zero-width space", "own\u200ber", "InvalidInput"), ("a turned text", "\u202erenwo", "InvalidInput"))
]  # fmt: skip

HEADS = [
    Attack("A32", "a cookie", headers={"cookie": "token=canary"}, status=200, code=""),
    Attack("A61", "a forwarded address", headers={"x-forwarded-for": "10.0.0.1", "x-forwarded-host": "evil.example", "forwarded": "for=10.0.0.1"}, status=200, code=""),
    Attack("A61", "another method in a header", headers={"x-http-method-override": "DELETE"}, status=200, code=""),
    Attack("A33", "a header of 60,000", headers={"x-canary": "canary" * 10_000}, status=200, code=""),
    Attack("A20", "another origin", headers={"origin": "https://evil.example"}, status=200, code=""),
]  # fmt: skip

ESCAPED = json.dumps({"query": "{ __typename }", "operationName": 'a\r\n{"event":"canary"}'}).encode()
LOGGED = [Attack("A41", "a line of the log as operationName", ESCAPED, headers=EXACT), Attack("A41", "a line of the log as a query", json.dumps({"query": '\n{"event": "canary"}'}).encode(), headers=EXACT)]  # fmt: skip

__all__ = ["OWNER", "TYPENAME"]
