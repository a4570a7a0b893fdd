"""Each proof of sign-in and refresh fails when the mechanism that it proves is taken out."""

import dataclasses

import pytest

from salonos.identity import commands, rules
from salonos.identity.commands import sessions, throttling
from salonos.kernel.work import Work
from tests.identity import test_refresh, test_sign_in
from tests.identity.makers import House


async def test_without_counting_an_account_is_guessed_without_end(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def count_nothing(_work: Work, _counted: throttling.Counted) -> None:
        """Every attempt is the first."""

    monkeypatch.setattr(throttling, "count", count_nothing)

    assert await test_sign_in.guesses_in_a_day(house, stop_after=101) == 101


async def test_without_the_network_a_neighbour_of_a_64_begins_anew(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "address_key", lambda address: address)

    with pytest.raises(AssertionError, match=r"assert 45 == 40"):
        await test_sign_in.test_neighbours_of_a_64_are_counted_together(house)


async def test_without_the_decision_a_stolen_token_stays_good(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    decide = rules.refresh_decision

    def trusting(facts: rules.RefreshFacts, **given: object) -> rules.Refresh:
        found = decide(facts, **given)  # type: ignore[arg-type]  # as it was called
        return rules.Refresh.REPEAT if found is rules.Refresh.STOLEN else found

    monkeypatch.setattr(rules, "refresh_decision", trusting)

    with pytest.raises(AssertionError):
        await test_refresh.test_a_used_token_after_the_grace_ends_the_session(house)


async def test_without_the_generation_a_grandparent_passes_for_a_lost_response(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = rules.refresh_decision

    def forgetful(facts: rules.RefreshFacts, **given: object) -> rules.Refresh:
        as_if_parent = dataclasses.replace(facts, session_generation=facts.generation + 1)
        return decide(as_if_parent, **given)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(rules, "refresh_decision", forgetful)

    with pytest.raises(AssertionError):
        await test_refresh.test_a_grandparent_is_no_lost_response_even_within_the_grace(house)


async def test_without_the_dummy_hash_an_unknown_name_is_told_by_its_cost(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = commands.passwords.verify

    async def hasty(password: str, password_hash: str | None) -> bool:
        return password_hash is not None and await usual(password, password_hash)

    monkeypatch.setattr(commands.passwords, "verify", hasty)

    with pytest.raises(AssertionError):
        await test_sign_in.test_an_unknown_username_costs_the_same_hash(house, monkeypatch)
