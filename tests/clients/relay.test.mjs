// Relay: its compiler holds the schema to its own rules, and its store pages through what the compiler made.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import test from "node:test";
import { fileURLToPath } from "node:url";

import relay from "relay-runtime";

import { newKey, person, sale, ask, signIn, url } from "./salon.mjs";

const { commitMutation, createOperationDescriptor, Environment, fetchQuery, getSelector, Network, RecordSource, Store } = relay;
const folder = fileURLToPath(new URL("./relay", import.meta.url));
const made = createRequire(`${folder}/`);

const CUSTOMER = /* GraphQL */ `
  mutation Customer($input: CreateCustomerInput!) {
    createCustomer(input: $input) { __typename ... on CreateCustomerSuccess { customer { id } } ... on Problem { message } }
  }
`;
const SELL = /* GraphQL */ `
  mutation Sell($input: CheckOutInput!) {
    checkOut(input: $input) { __typename ... on CheckOutSuccess { bill { number } } ... on Problem { message } }
  }
`;

/** Relay's network is a function of ours: this is all of it. */
function environment(accessToken) {
  const asked = [];
  const network = Network.create(async ({ text, name }, variables) => {
    asked.push(name);
    const reply = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${accessToken}`, "idempotency-key": newKey() },
      body: JSON.stringify({ query: text, variables }),
    });
    return reply.json();
  });
  return { asked, relay: new Environment({ network, store: new Store(new RecordSource()) }) };
}

test("the schema compiles, a customer's bills page by node(id:), and a renamed customer is renamed everywhere", async () => {
  mkdirSync(`${folder}/build`, { recursive: true });
  execFileSync(fileURLToPath(new URL("./node_modules/.bin/relay-compiler", import.meta.url)), ["relay.config.json"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  const query = made("./build/OperationsCustomerQuery.graphql");
  const rename = made("./build/OperationsRenameMutation.graphql");
  const visits = made("./build/Operations_visits.graphql");

  const seller = await person("receptionist");
  const key = { "idempotency-key": newKey() };
  const { createCustomer } = await ask(seller.accessToken, CUSTOMER, { input: { name: `Relay ${newKey().slice(0, 8)}` } }, key);
  const id = createCustomer.customer.id;
  const sold = [];
  for (const _ of Array(5)) {
    const input = { ...sale(seller), customerId: id };
    const { checkOut } = await ask(seller.accessToken, SELL, { input }, { "idempotency-key": newKey() });
    sold.unshift(checkOut.bill.number);
  }

  const { accessToken } = await signIn("receptionist");
  const { asked, relay: home } = environment(accessToken);
  const { customer } = await fetchQuery(home, query, { id }).toPromise();
  const shown = () => {
    const selector = getSelector(visits, customer);
    return home.lookup(selector).data.bills;
  };
  assert.deepEqual(shown().edges.map(({ node }) => node.number), sold.slice(0, 2));

  const { refetch, connection } = visits.metadata;
  assert.equal(connection[0].direction, "forward");
  for (const count of [2, 2]) {
    const { endCursor } = shown().pageInfo;
    await fetchQuery(home, refetch.operation, { id, count, cursor: endCursor }).toPromise();
  }
  assert.deepEqual(shown().edges.map(({ node }) => node.number), sold);
  assert.equal(shown().pageInfo.hasNextPage, false);
  assert.deepEqual(asked, ["OperationsCustomerQuery", "OperationsVisitsQuery", "OperationsVisitsQuery"]);

  const renamed = await new Promise((resolve, reject) =>
    commitMutation(home, {
      mutation: rename,
      variables: { input: { customerId: id, expectedVersion: customer.version, name: "Relay Renamed" } },
      onCompleted: resolve,
      onError: reject,
    }),
  );
  assert.equal(renamed.updateCustomer.__typename, "UpdateCustomerSuccess");
  const { fragment } = createOperationDescriptor(query, { id });
  assert.equal(home.lookup(fragment).data.customer.name, "Relay Renamed");
});
