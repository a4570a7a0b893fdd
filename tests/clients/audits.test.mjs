// The audits of graphql-http: the GraphQL over HTTP specification, sentence by sentence.

import assert from "node:assert/strict";
import test from "node:test";

import { serverAudits } from "graphql-http";

import { signIn, url } from "./salon.mjs";

/** What we don't do on purpose. All of them are MAY. */
const NOT_DONE = {
  "5A70": "no GET: an operation in an address stands in logs and histories, and another page's link could send it",
  D6D5: "no GET, as above",
  "6A70": "no GET, as above",
};

async function auditing(t, headers) {
  const fetchFn = (address, options) => fetch(address, { ...options, headers: { ...options?.headers, ...headers } });
  const audits = serverAudits({ url, fetchFn });
  assert.ok(audits.length >= 60, `${audits.length} audits`);
  for (const audit of audits) {
    await t.test(`${audit.id} ${audit.name}`, async () => {
      const { status, reason } = await audit.fn();
      const expected = audit.id in NOT_DONE ? "notice" : "ok";
      assert.equal(status, expected, reason ?? "It is done now: strike it from the list.");
    });
  }
}

test("the specification is kept for somebody who is signed in", async (t) => {
  const { accessToken } = await signIn("owner");
  await auditing(t, { authorization: `Bearer ${accessToken}` });
});

test("the specification is kept for a stranger; introspection is open to them in the demo only", (t) => auditing(t, {}));
