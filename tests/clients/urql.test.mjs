// urql with its exchanges for sign-in and persisted queries, as its documentation sets them up.

import assert from "node:assert/strict";
import test from "node:test";

import { Client, fetchExchange, gql } from "@urql/core";
import { authExchange } from "@urql/exchange-auth";
import { persistedExchange } from "@urql/exchange-persisted";

import { ask, expired, newKey, password, person, sale, url } from "./salon.mjs";

const SIGN_IN = gql`
  mutation SignIn($input: SignInInput!) {
    signIn(input: $input) {
      __typename
      ... on SignInSuccess { accessToken refreshToken expiresAt }
      ... on Problem { message }
    }
  }
`;
const REFRESH = gql`
  mutation Refresh($input: RefreshTokensInput!) {
    refreshTokens(input: $input) {
      __typename
      ... on RefreshTokensSuccess { accessToken refreshToken expiresAt }
      ... on Problem { message }
    }
  }
`;
const BILLS = gql`
  query Bills($after: String) {
    bills(first: 3, after: $after, filter: { status: POSTED }) {
      nodes { id number total }
      pageInfo { hasNextPage endCursor }
    }
  }
`;
const VIEWER = gql`query Me { viewer { username } }`;
const SELL = gql`
  mutation Sell($input: CheckOutInput!) {
    checkOut(input: $input) {
      __typename
      ... on CheckOutSuccess { bill { id number total } }
      ... on PaymentsDoNotAddUp { due offered }
      ... on Problem { message }
    }
  }
`;

/** A client that counts its refreshes and keeps what it sent. */
function client({ exchanges = [] } = {}) {
  const made = { tokens: null, refreshes: 0, sent: [] };
  const authenticated = authExchange(async (utilities) => ({
    addAuthToOperation: (operation) =>
      made.tokens ? utilities.appendHeaders(operation, { authorization: `Bearer ${made.tokens.accessToken}` }) : operation,
    willAuthError: () => made.tokens !== null && new Date(made.tokens.expiresAt) <= new Date(),
    didAuthError: (error) => error.graphQLErrors.some(({ extensions }) => extensions.code === "UNAUTHENTICATED"),
    async refreshAuth() {
      made.refreshes += 1;
      const { refreshToken } = made.tokens;
      made.tokens = null; // a refresh token is good for one use
      const { data } = await utilities.mutate(REFRESH, { input: { refreshToken } });
      assert.equal(data.refreshTokens.__typename, "RefreshTokensSuccess", data.refreshTokens.message);
      made.tokens = data.refreshTokens;
    },
  }));
  made.urql = new Client({
    url,
    preferGetMethod: false, // operations do not belong into addresses
    exchanges: [authenticated, ...exchanges, fetchExchange],
    fetch(address, options) {
      made.sent.push({ address, ...JSON.parse(options.body) });
      return fetch(address, options);
    },
  });
  made.signIn = async (username) => {
    const { data, error } = await made.urql.mutation(SIGN_IN, { input: { username, password } });
    assert.equal(error, undefined);
    assert.equal(data.signIn.__typename, "SignInSuccess");
    made.tokens = data.signIn;
  };
  return made;
}

test("a wrong password is a member of the union, not an error", async () => {
  const { urql } = client();
  const { data, error } = await urql.mutation(SIGN_IN, { input: { username: "owner", password: "not the password" } });
  assert.equal(error, undefined);
  assert.equal(data.signIn.__typename, "WrongCredentials");
  assert.ok(data.signIn.message.length > 10);
});

test("a token that the client knows to be expired is refreshed first, once for two operations", async () => {
  const made = client();
  await made.signIn("receptionist");
  const first = made.tokens.accessToken;
  made.tokens = { ...made.tokens, accessToken: expired(first), expiresAt: new Date(0).toISOString() };

  const answers = await Promise.all([made.urql.query(BILLS, {}), made.urql.query(VIEWER, {})]);

  assert.deepEqual(answers.map(({ error }) => error), [undefined, undefined]);
  assert.equal(answers[1].data.viewer.username, "receptionist");
  assert.equal(made.refreshes, 1);
  assert.notEqual(made.tokens.accessToken, first);
});

test("a sale under a token that has expired unnoticed is sent again after a refresh, with its key, and made once", async () => {
  const made = client();
  await made.signIn("receptionist");
  const { branchId, serviceId } = await person("receptionist");
  made.tokens = { ...made.tokens, accessToken: expired(made.tokens.accessToken) };
  const key = newKey();
  const options = { fetchOptions: { headers: { "idempotency-key": key } } };
  const input = sale({ branchId, serviceId });

  const { data, error } = await made.urql.mutation(SELL, { input }, options);
  const again = await made.urql.mutation(SELL, { input }, options);

  assert.equal(error, undefined, String(error));
  assert.equal(made.refreshes, 1);
  assert.equal(data.checkOut.__typename, "CheckOutSuccess");
  assert.deepEqual(again.data, data);
  assert.deepEqual(again.extensions.idempotency, { replayed: true });
});

test("the same key with another sale is an error with a code, and payments that do not add up are a Problem with figures", async () => {
  const made = client();
  await made.signIn("receptionist");
  const input = sale(await person("receptionist"));
  const options = { fetchOptions: { headers: { "idempotency-key": newKey() } } };
  assert.equal((await made.urql.mutation(SELL, { input }, options)).data.checkOut.__typename, "CheckOutSuccess");

  const reused = await made.urql.mutation(SELL, { input: { ...input, notes: "Another one" } }, options);
  const short = await made.urql.mutation(
    SELL,
    { input: { ...input, payments: [{ method: "CASH", amount: "1.00" }] } },
    { fetchOptions: { headers: { "idempotency-key": newKey() } } },
  );

  assert.deepEqual(reused.error.graphQLErrors.map(({ extensions }) => extensions.code), ["IDEMPOTENCY_KEY_REUSED"]);
  assert.equal(short.error, undefined);
  assert.equal(short.data.checkOut.__typename, "PaymentsDoNotAddUp");
  assert.equal(short.data.checkOut.offered, "1.00");
  assert.match(short.data.checkOut.due, /^\d+\.\d\d$/);
});

test("pages by cursor are the list, without a row twice or left out", async () => {
  const made = client();
  await made.signIn("manager");
  const pages = [];
  let after = null;
  for (const _ of Array(4)) {
    const { data, error } = await made.urql.query(BILLS, { after });
    assert.equal(error, undefined);
    assert.equal(data.bills.nodes.length, 3);
    assert.equal(data.bills.pageInfo.hasNextPage, true);
    pages.push(...data.bills.nodes.map(({ id }) => id));
    after = data.bills.pageInfo.endCursor;
  }
  const whole = await ask(
    made.tokens.accessToken,
    `query Whole { bills(first: 12, filter: { status: POSTED }) { nodes { id } } }`,
  );
  assert.deepEqual(pages, whole.bills.nodes.map(({ id }) => id));
});

test("a query goes whole once, and by its hash alone from then on", async () => {
  // A text that nobody has sent before, or the salon would know its hash from the run before.
  const fresh = gql(`query Known${newKey().replaceAll("-", "")} { viewer { username } }`);
  const sentBy = async () => {
    const made = client({ exchanges: [persistedExchange({ preferGetForPersistedQueries: false })] });
    await made.signIn("stylist");
    const { data, error } = await made.urql.query(fresh, {});
    assert.equal(error, undefined, String(error));
    assert.equal(data.viewer.username, "stylist");
    return made.sent.slice(1).map(({ query, extensions }) => [query !== undefined, extensions.persistedQuery.version]);
  };

  assert.deepEqual(await sentBy(), [[false, 1], [true, 1]]);
  assert.deepEqual(await sentBy(), [[false, 1]]);
});

test("a subscription comes over fetch as an event stream", async () => {
  const seller = await person("receptionist");
  const made = client();
  made.urql = new Client({
    url,
    preferGetMethod: false,
    fetchSubscriptions: true, // by POST with Accept: text/event-stream, which urql reads by itself
    exchanges: [fetchExchange],
    fetchOptions: () => ({ headers: { authorization: `Bearer ${seller.accessToken}` } }),
  });
  const first = await new Promise((resolve, reject) => {
    const figures = gql`subscription Figures { dashboardChanged { date billCount } }`;
    const { unsubscribe } = made.urql.subscription(figures, {}).subscribe(({ data, error }) => {
      if (error) reject(error);
      else resolve(data.dashboardChanged);
      queueMicrotask(() => unsubscribe());
    });
  });
  assert.ok(first.billCount >= 0);
});
