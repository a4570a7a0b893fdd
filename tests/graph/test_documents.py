"""Documents and plans are kept within bounds, found by text alone, and limited before anything runs."""

import gc
import itertools

import pytest
from graphql import FieldsOnCorrectTypeRule, GraphQLError, parse, specified_rules, validate

from salonos.graph import documents, errors
from salonos.graph.caches import Bounded
from salonos.graph.documents import STRANGERS_DOCUMENTS_MAX, Documents, Operation, rules_for
from salonos.graph.execute import STRANGERS_PLANS_MAX, Engine, Status
from salonos.graph.limits import Guard
from salonos.kernel.problems import Forbidden, QueryTooComplex
from tests.graph.conftest import Asker
from tests.graph.seed import bill
from tests.graph.world import GRAPH


def test_a_cache_forgets_the_least_recently_used_by_entries_and_by_bytes() -> None:
    kept: Bounded[str, int] = Bounded(entries_max=3, bytes_max=100)
    for number, key in enumerate("abc"):
        kept.keep(key, number, size=10)
    assert kept.get("a") == 0

    kept.keep("d", 3, size=10)
    assert [kept.get(key) for key in "abcd"] == [0, None, 2, 3]
    kept.keep("e", 4, size=85)

    assert [kept.get(key) for key in "acde"] == [None, None, 3, 4]
    assert (len(kept), kept.bytes_used) == (2, 95)
    kept.keep("e", 5, size=5)
    assert (kept.get("e"), kept.bytes_used) == (5, 15)


def test_a_value_larger_than_the_cache_stands_alone() -> None:
    kept: Bounded[str, int] = Bounded(entries_max=3, bytes_max=10)
    kept.keep("a", 1, size=5)

    kept.keep("b", 2, size=50)

    assert (kept.get("a"), kept.get("b"), len(kept)) == (None, 2, 1)


def test_an_operation_is_read_once_for_each_text_and_name() -> None:
    documents = Documents(GRAPH.core, None)
    text = "query a { viewer { id } } query b { branches { id } }"

    first = documents.operation(text, "a", is_signed_in=True)

    assert documents.operation("".join(list(text)), "a", is_signed_in=True) is first
    assert documents.operation(text, "b", is_signed_in=True) is not first
    assert documents.operation(text, "a", is_signed_in=False) is first


def test_a_strangers_document_that_staff_ask_is_staff_s() -> None:
    documents = Documents(GRAPH.core, None)
    made = documents.operation("{ viewer { id } }", None, is_signed_in=False)
    assert documents.operation("{ viewer { id } }", None, is_signed_in=True) is made

    for number in range(STRANGERS_DOCUMENTS_MAX * 2):
        documents.operation(f"{{ a{number}: viewer {{ id }} }}", None, is_signed_in=False)

    assert documents.known("{ viewer { id } }", None) is made


def living(word: str) -> int:
    """How many operations with a word in their text are held by anything."""
    gc.collect()
    return sum(isinstance(each, Operation) and word in each.text for each in gc.get_objects())


async def test_strangers_evict_nobodys_plans_and_hold_few_documents(ask: Asker) -> None:
    ask.engine.limits = ask.engine.documents.limits = Guard(GRAPH.core)
    ours = "{ bills(first: 1) { nodes { id } } }"
    await ask.data(ours)
    plans = ask.engine.plans

    for number in range(400):
        text = "{ __typename __schema { queryType { name } } }" if number % 2 else "{ bills { nodes { id } } }"
        await ask(f"{text} # canary {number}", "NOBODY")
    misses = plans.misses
    await ask.data(ours)

    assert (plans.misses, len(plans)) == (misses, 1)
    assert len(ask.engine.strangers_plans) == STRANGERS_PLANS_MAX
    assert living("canary") <= STRANGERS_PLANS_MAX + STRANGERS_DOCUMENTS_MAX


async def test_plans_that_are_kept_together_are_evicted_by_strangers(ask: Asker) -> None:
    ask.engine.strangers_plans = ask.engine.plans = Bounded(entries_max=10, bytes_max=1 << 20)
    await ask.data("{ bills(first: 1) { nodes { id } } }")

    for number in range(10):
        await ask(f"{{ bills {{ nodes {{ id }} }} }} # {number}", "NOBODY")
    misses = ask.engine.plans.misses
    await ask.data("{ bills(first: 1) { nodes { id } } }")

    assert ask.engine.plans.misses == misses + 1


def test_strangers_evict_nobodys_documents() -> None:
    documents = Documents(GRAPH.core, None)
    ours = documents.operation("{ viewer { id } }", None, is_signed_in=True)

    for number in range(STRANGERS_DOCUMENTS_MAX * 2):
        documents.operation(f"{{ a{number}: viewer {{ id }} }}", None, is_signed_in=False)

    assert documents.operation("{ viewer { id } }", None, is_signed_in=True) is ours
    assert len(documents._strangers) == STRANGERS_DOCUMENTS_MAX


def test_variables_of_a_mutations_input_take_no_part_in_its_payloads_plan() -> None:
    text = """mutation($i: PostBillInput!, $x: Boolean = true) { postBill(input: $i) {
        ... on PostBillSuccess { bill { id number @include(if: $x) } } } }"""

    operation = Documents(GRAPH.core, None).operation(text, None, is_signed_in=True)

    assert operation.below == frozenset({"x"})
    assert len(operation.payload_shapes) == 1


@pytest.mark.parametrize("text", ["{ a" + " " * 20_001 + "}", "{ " + "viewer { id } " * 1_000 + "}"])
def test_a_text_beyond_length_or_tokens_is_refused(text: str) -> None:
    with pytest.raises(errors.Rejected) as refused:
        Documents(GRAPH.core, None).operation(text, None, is_signed_in=True)

    assert [entry["extensions"]["code"] for entry in refused.value.entries] == ["BAD_REQUEST"]


async def test_the_limits_are_asked_before_anything_runs(ask: Asker) -> None:
    ask.engine = Engine(GRAPH, ask.database, limits=Guard(GRAPH.core))
    deep = f'{{ bill(id: "{bill(1)}") {{ ' + "original { " * 12 + "id" + " }" * 12 + " } }"
    dear = "{ bills(first: 100) { nodes { customer { bills(first: 100) { nodes { lines { id } } } } } } }"

    answers = [await ask.answer(text) for text in (deep, dear)]

    for answer in answers:
        assert answer.status is Status.REJECTED
        assert b"QUERY_TOO_COMPLEX" in answer.body
    assert ask.sent == []


def test_every_kind_of_failure_has_its_entry() -> None:
    refused = errors.entries_of(Forbidden(permission="X"))
    nested = errors.entries_of(GraphQLError("m", original_error=QueryTooComplex("deep")))
    outage = errors.entries_of(ConnectionRefusedError("secret host"))
    bug = errors.entries_of(ValueError("secret"))

    assert refused == [{"message": "You may not do this.", "extensions": {"code": "FORBIDDEN", "permission": "X"}}]
    assert nested == [{"message": "deep", "extensions": {"code": "QUERY_TOO_COMPLEX"}}]
    assert outage[0]["extensions"] == {"code": "UNAVAILABLE", "retryable": True}
    assert bug[0]["extensions"]["code"] == "INTERNAL"
    assert "secret" not in str([outage, bug])


async def test_a_database_that_is_away_is_unavailable(ask: Asker) -> None:
    await ask.data("{ branches { name } }")
    await ask.readers.close()

    answer = await ask.answer("{ branches { name } }")

    assert answer.status is Status.UNAVAILABLE
    assert b"UNAVAILABLE" in answer.body


PARTS = [
    '{ bill(id: "1") { id number } }',
    "query A { viewer { nothing } }",
    "query B($x: ID!) { bill(id: $x) { ...F } }",
    "query C($x: ID! @include(if: true)) { bill(id: $x) { id @skip(if: false) @skip(if: true) } }",
    '{ bill(id: "1") { ... on Customer { name } ... @defer { id } ... { nothing } } }',
    "subscription { billPosted @stream { cursor } billPosted { ...G } }",
    "fragment F on Bill { id ...G }",
    "fragment G on Bill { number ...F }",
    "fragment F on BillStatus { id }",
    '{ viewer { id(at: "a fragment @ ...") } }',
    '{ bills(first: 2, first: "two") { nodes { number: id number } } } # fragment',
    "mutation M { postBill { __typename } }",
]


def test_the_rules_that_are_left_out_would_have_found_nothing() -> None:
    left_out = set()
    found = 0
    for first, second in itertools.combinations(PARTS, 2):
        text = f"{first} {second}"
        document = parse(text)
        rules = rules_for(text)
        left_out |= set(specified_rules) - set(rules)

        everything = sorted(str(each) for each in validate(GRAPH.core, document, max_errors=1_000))

        assert sorted(str(each) for each in validate(GRAPH.core, document, rules, max_errors=1_000)) == everything
        found += len(everything)
    assert len(left_out) == 12
    assert found > 50


def test_a_rule_left_out_wrongly_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_OF_FRAGMENTS", documents._OF_FRAGMENTS | {FieldsOnCorrectTypeRule})

    with pytest.raises(AssertionError, match="Cannot quer"):
        test_the_rules_that_are_left_out_would_have_found_nothing()
