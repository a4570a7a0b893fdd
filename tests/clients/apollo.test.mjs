// Apollo Client: its normalised cache, Relay pages, persisted queries, errors and subscriptions.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import test from "node:test";

import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { CombinedGraphQLErrors, ServerError } from "@apollo/client/errors";
import { SetContextLink } from "@apollo/client/link/context";
import { ErrorLink } from "@apollo/client/link/error";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { relayStylePagination } from "@apollo/client/utilities";
import { createClient } from "graphql-ws";
import { filter, firstValueFrom } from "rxjs";
import WebSocket from "ws";

import { Inbox, newKey, person, possibleTypes, sale, signIn, socketUrl, url } from "./salon.mjs";

const CUSTOMERS = gql`
  query Customers($first: Int!, $after: String) {
    customers(first: $first, after: $after) {
      edges { cursor node { id name version } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
`;
const CUSTOMER = gql`query Customer($id: ID!) { customer(id: $id) { id name version } }`;
const RENAME = gql`
  mutation Rename($input: UpdateCustomerInput!) {
    updateCustomer(input: $input) {
      ... on UpdateCustomerSuccess { customer { id name version } }
      ... on StaleVersion { currentVersion }
      ... on Problem { message }
    }
  }
`;
const SELL = gql`
  mutation Sell($input: CheckOutInput!) {
    checkOut(input: $input) {
      ... on CheckOutSuccess { bill { id number total } }
      ... on Problem { message }
    }
  }
`;
const NOTES = gql`query Notes { customers(first: 2) { nodes { id name email } } }`;
const POSTED = gql`subscription Posted { billPosted { cursor bill { id number total } } }`;

/** A client of somebody who is signed in; `sent` is what went over the wire, `told` what the error link heard. */
function client(accessToken, { before = [], link } = {}) {
  const made = { sent: [], told: [] };
  const http = new HttpLink({
    uri: url,
    fetch(address, options) {
      made.sent.push({ ...JSON.parse(options.body), method: options.method });
      return fetch(address, options);
    },
  });
  const authorization = new SetContextLink(({ headers }) => ({
    headers: { ...headers, ...(accessToken && { authorization: `Bearer ${accessToken}` }) },
  }));
  const errors = new ErrorLink(({ error }) => {
    made.told.push(error);
  });
  made.apollo = new ApolloClient({
    link: link ?? ApolloLink.from([errors, ...before, authorization, http]),
    cache: new InMemoryCache({
      possibleTypes,
      typePolicies: { Query: { fields: { customers: relayStylePagination() } } },
    }),
  });
  return made;
}

test("pages are joined to one list, and a row is the same object wherever it was read", async () => {
  const { accessToken } = await signIn("receptionist");
  const { apollo, sent } = client(accessToken);
  const list = apollo.watchQuery({ query: CUSTOMERS, variables: { first: 4 } });
  const watching = list.subscribe(() => {});
  const listed = (count) => firstValueFrom(list.pipe(filter(({ data }) => data?.customers.edges.length === count)));
  const first = await listed(4);
  await list.fetchMore({ variables: { first: 4, after: first.data.customers.pageInfo.endCursor } });
  const { edges } = (await listed(8)).data.customers;
  assert.equal(new Set(edges.map(({ node }) => node.id)).size, 8);

  const { id, name, version } = edges[5].node; // of the second page
  assert.equal(apollo.cache.identify({ __typename: "Customer", id }), `Customer:${id}`);
  const renamed = await apollo.mutate({
    mutation: RENAME,
    variables: { input: { customerId: id, expectedVersion: version, name: `${name} ` + newKey().slice(0, 4) } },
    context: { headers: { "idempotency-key": newKey() } },
  });
  const { customer } = renamed.data.updateCustomer;
  assert.equal(customer.version, version + 1);
  const before = sent.length;
  assert.deepEqual(list.getCurrentResult().data.customers.edges[5].node, customer);
  assert.deepEqual((await apollo.query({ query: CUSTOMER, variables: { id } })).data.customer.name, customer.name);
  assert.ok(sent.length - before <= 1);

  const stale = await apollo.mutate({
    mutation: RENAME,
    variables: { input: { customerId: id, expectedVersion: version, name } },
  });
  assert.equal(stale.data.updateCustomer.__typename, "StaleVersion");
  assert.equal(stale.data.updateCustomer.currentVersion, version + 1);
  assert.ok(stale.data.updateCustomer.message.length > 10); // through `... on Problem`: possibleTypes

  const undone = await apollo.mutate({
    mutation: RENAME,
    variables: { input: { customerId: id, expectedVersion: version + 1, name } },
  });
  assert.equal(undone.data.updateCustomer.customer.name, name);
  watching.unsubscribe();
  apollo.stop();
});

test("what was read stands in the cache under its id and is not asked again", async () => {
  const { accessToken } = await signIn("receptionist");
  const { apollo, sent } = client(accessToken);
  const { data } = await apollo.query({ query: CUSTOMERS, variables: { first: 2 } });
  const [{ node }] = data.customers.edges;
  const kept = apollo.readFragment({
    id: `Customer:${node.id}`,
    fragment: gql`fragment Name on Customer { name }`,
  });
  assert.equal(kept.name, node.name);
  await apollo.query({ query: CUSTOMERS, variables: { first: 2 } });
  assert.equal(sent.length, 1);
  apollo.stop();
});

test("a query goes whole once and by its hash alone from then on, by POST", async () => {
  const { accessToken } = await signIn("receptionist");
  const sha256 = (text) => createHash("sha256").update(text).digest("hex");
  const fresh = gql(`query Known${newKey().replaceAll("-", "")} { viewer { id username } }`);
  const sentBy = async () => {
    const { apollo, sent } = client(accessToken, { before: [new PersistedQueryLink({ sha256 })] });
    const { data } = await apollo.query({ query: fresh });
    assert.equal(data.viewer.username, "receptionist");
    apollo.stop();
    return sent.map(({ method, query }) => [method, query !== undefined]);
  };

  assert.deepEqual(await sentBy(), [["POST", false], ["POST", true]]);
  assert.deepEqual(await sentBy(), [["POST", false]]);
});

test("a field that one may not read is null, with one error that says which; the rest is there", async () => {
  const { accessToken } = await signIn("accountant");
  const { apollo, told } = client(accessToken);
  const { data, error } = await apollo.query({ query: NOTES, errorPolicy: "all" });
  assert.equal(data.customers.nodes.length, 2);
  assert.deepEqual(data.customers.nodes.map(({ email }) => email), [null, null]);
  assert.ok(CombinedGraphQLErrors.is(error));
  assert.deepEqual(
    error.errors.map(({ extensions: { code, permission, coordinate } }) => [code, permission, coordinate]),
    [["FORBIDDEN", "CUSTOMER_CONTACT_READ", "Customer.email"]],
  );
  assert.equal(told.length, 1);
  apollo.stop();
});

test("a wrong token is a 401 whose code the error link reads", async () => {
  const { apollo, told } = client("nonsense");
  await assert.rejects(apollo.query({ query: CUSTOMERS, variables: { first: 1 } }));
  const [error] = told;
  const code = CombinedGraphQLErrors.is(error)
    ? error.errors[0].extensions.code
    : JSON.parse(error.bodyText).errors[0].extensions.code;
  assert.equal(code, "UNAUTHENTICATED");
  if (ServerError.is(error)) assert.equal(error.statusCode, 401);
  apollo.stop();
});

test("a document that is wrong says so with a code", async () => {
  const { accessToken } = await signIn("receptionist");
  const { apollo } = client(accessToken);
  const wrong = gql`query Wrong { customers(first: 1000) { nodes { id } } }`;
  await assert.rejects(apollo.query({ query: wrong }), (error) => {
    assert.ok(CombinedGraphQLErrors.is(error), String(error));
    assert.deepEqual(error.errors.map(({ extensions }) => extensions.code), ["BAD_REQUEST"]);
    return true;
  });
  apollo.stop();
});

test("a sale is made once under its key, and another's sale arrives over the websocket link", async () => {
  const seller = await person("receptionist");
  const owner = await signIn("owner");
  const socket = createClient({
    url: socketUrl,
    webSocketImpl: WebSocket,
    connectionParams: { Authorization: `Bearer ${owner.accessToken}` },
  });
  const { apollo } = client(null, { link: new GraphQLWsLink(socket) });
  const heard = new Inbox();
  const subscription = apollo.subscribe({ query: POSTED }).subscribe(({ data }) => heard.put(data.billPosted.bill));
  const till = client(seller.accessToken).apollo;
  const event = heard.next("a bill of the receptionist's");
  const sold = new Set();
  let met;
  // Nothing says that a subscription has begun: sales are made until one is heard.
  while (!met) {
    const key = newKey();
    const once = () =>
      till.mutate({
        mutation: SELL,
        variables: { input: sale(seller) },
        context: { headers: { "idempotency-key": key } },
      });
    const [made, again] = [await once(), await once()];
    assert.deepEqual(made.data, again.data);
    sold.add(made.data.checkOut.bill.id);
    met = await Promise.race([event, new Promise((resolve) => setTimeout(resolve, 2_000))]);
  }
  assert.ok(sold.has(met.id));
  subscription.unsubscribe();
  await socket.dispose();
  apollo.stop();
  till.stop();
});
