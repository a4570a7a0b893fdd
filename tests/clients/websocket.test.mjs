// graphql-ws, the protocol's own client: another's sale, a cut network, and the codes with which a socket is closed.

import assert from "node:assert/strict";
import test from "node:test";

import { createClient } from "graphql-ws";
import WebSocket from "ws";

import { cable, expired, Inbox, person, signIn, socketUrl } from "./salon.mjs";

const POSTED = /* GraphQL */ `
  subscription Posted($after: EventCursor) { billPosted(after: $after) { cursor bill { id number total } } }
`;
const quick = async () => {}; // between two attempts: the client's own way waits for seconds

test("what was sold while the network was cut comes after it is mended: nothing missed, nothing twice, in order", async () => {
  const seller = await person("receptionist");
  const owner = await signIn("owner");
  const network = await cable();
  const client = createClient({
    url: `ws://${network.address}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { Authorization: `Bearer ${owner.accessToken}` },
    retryAttempts: 10_000,
    retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
    shouldRetry: () => true,
  });
  const heard = new Inbox();
  const closed = new Inbox();
  client.on("closed", (event) => closed.put(event));
  const payload = { query: POSTED, variables: {} };
  const stop = client.subscribe(payload, {
    next({ data, errors }) {
      heard.put(errors ?? data.billPosted.bill.id);
      if (data) payload.variables.after = data.billPosted.cursor; // where the client begins when it comes again
    },
    error: (error) => heard.put(error),
    complete() {},
  });
  const sold = [];
  const first = heard.next("the first sale");
  let begun;
  while (!begun) {
    sold.push((await seller.sell()).id);
    begun = await Promise.race([first, new Promise((resolve) => setTimeout(resolve, 2_000))]);
  }
  const met = [begun];
  sold.splice(0, sold.indexOf(begun));
  const meet = async () => {
    while (met.length < sold.length) met.push(await heard.next("a sale"));
    assert.deepEqual(met, sold);
  };
  await meet();

  for (const _ of Array(3)) {
    network.cut();
    await closed.next("the cut");
    for (const _ of Array(3)) sold.push((await seller.sell()).id);
    network.mend();
    sold.push((await seller.sell()).id);
    await meet();
  }

  assert.equal(heard.size, 0);
  stop();
  await client.dispose();
  network.close();
});

/** With which code a socket is closed whose token is this. */
function closedWith(Authorization) {
  const client = createClient({
    url: socketUrl,
    webSocketImpl: WebSocket,
    connectionParams: Authorization === undefined ? undefined : { Authorization },
    retryAttempts: 5,
    retryWait: quick,
  });
  let attempts = 0;
  client.on("connecting", () => (attempts += 1));
  return new Promise((resolve, reject) => {
    client.subscribe(
      { query: POSTED },
      { next: reject, complete: reject, error: ({ code, reason }) => resolve({ code, reason, attempts }) },
    );
  });
}

test("a token that is wrong, expired or missing closes the socket with 4401, which the client does not repeat", async () => {
  const { accessToken } = await signIn("owner");
  const old = expired(accessToken);
  for (const given of ["Bearer nonsense", `Bearer ${old}`, `Basic ${accessToken}`, undefined]) {
    assert.deepEqual(await closedWith(given), { code: 4401, reason: "Unauthorized", attempts: 1 }, given);
  }
});

test("the token of somebody who has signed out closes the sockets of that session with 4403", async () => {
  const owner = await person("owner");
  const client = createClient({
    url: socketUrl,
    webSocketImpl: WebSocket,
    connectionParams: { Authorization: `Bearer ${owner.accessToken}` },
    retryAttempts: 0,
  });
  const connected = new Promise((resolve) => client.on("connected", resolve));
  const over = new Promise((resolve, reject) => {
    client.subscribe({ query: POSTED }, { next() {}, complete: reject, error: resolve });
  });
  await connected;
  await owner.signOut();
  assert.equal((await over).code, 4403);
});

test("a subscription that is wrong is an error of its own, and the socket stays for the others", async () => {
  const owner = await signIn("owner");
  const client = createClient({
    url: socketUrl,
    webSocketImpl: WebSocket,
    connectionParams: { Authorization: `Bearer ${owner.accessToken}` },
    retryAttempts: 0,
  });
  const figures = client.iterate({ query: `subscription Figures { dashboardChanged { date billCount } }` });
  assert.equal((await figures.next()).value.errors, undefined);
  const wrong = client.iterate({ query: `subscription Wrong { nothing }` });
  await assert.rejects(wrong.next(), ([error]) => error.extensions.code === "BAD_REQUEST");
  const old = client.iterate({ query: POSTED, variables: { after: "nonsense" } });
  await assert.rejects(old.next(), ([error]) => error.extensions.code === "BAD_CURSOR");
  await figures.return();
  const again = client.iterate({ query: `subscription Figures { dashboardChanged { date billCount } }` });
  assert.ok((await again.next()).value.data.dashboardChanged.billCount >= 0);
  await again.return();
  await client.dispose();
});
