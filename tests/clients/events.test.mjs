// graphql-sse in its distinct connections mode: a stream per subscription, POSTed with Accept: text/event-stream.

import assert from "node:assert/strict";
import test from "node:test";

import { createClient, NetworkError } from "graphql-sse";

import { cable, expired, Inbox, person, signIn, url } from "./salon.mjs";

const POSTED = /* GraphQL */ `
  subscription Posted($after: EventCursor) { billPosted(after: $after) { cursor bill { id number total } } }
`;

test("what was sold while the network was cut comes after it is mended: nothing missed, nothing twice, in order", async () => {
  const seller = await person("receptionist");
  const owner = await signIn("owner");
  const network = await cable();
  const cuts = new Inbox();
  const client = createClient({
    url: `http://${network.address}/graphql`,
    headers: () => ({ authorization: `Bearer ${owner.accessToken}` }),
    retryAttempts: 10_000,
    async retry() {
      cuts.put("cut");
      await new Promise((resolve) => setTimeout(resolve, 50));
    },
  });
  const heard = new Inbox();
  const payload = { query: POSTED, variables: {} };
  const stop = client.subscribe(payload, {
    next({ data, errors }) {
      heard.put(errors ?? data.billPosted.bill.id);
      if (data) payload.variables.after = data.billPosted.cursor;
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

  network.cut();
  await cuts.next("the cut");
  for (const _ of Array(3)) sold.push((await seller.sell()).id);
  network.mend();
  await meet();

  assert.equal(heard.size, 0);
  stop();
  client.dispose();
  network.close();
});

test("queries and mutations go the same way, each a stream of one event", async () => {
  const { accessToken } = await signIn("owner");
  const client = createClient({ url, headers: { authorization: `Bearer ${accessToken}` } });
  const answers = [];
  for await (const answer of client.iterate({ query: "query Me { viewer { username } }" })) answers.push(answer);
  assert.deepEqual(answers, [{ data: { viewer: { username: "owner" } } }]);
  client.dispose();
});

test("a token that is wrong or expired is refused with 401 before a stream begins", async () => {
  const { accessToken } = await signIn("owner");
  for (const token of ["nonsense", expired(accessToken)]) {
    const client = createClient({ url, headers: { authorization: `Bearer ${token}` }, retryAttempts: 0 });
    await assert.rejects(client.iterate({ query: POSTED }).next(), (error) => {
      assert.ok(error instanceof NetworkError);
      assert.equal(error.response.status, 401);
      return true;
    });
    client.dispose();
  }
});

test("a subscription that is wrong is one event with errors, then the stream ends", async () => {
  const { accessToken } = await signIn("owner");
  const client = createClient({ url, headers: { authorization: `Bearer ${accessToken}` }, retryAttempts: 0 });
  const answers = [];
  for await (const answer of client.iterate({ query: POSTED, variables: { after: "nonsense" } })) answers.push(answer);
  assert.deepEqual(answers.map(({ errors }) => errors.map(({ extensions }) => extensions.code)), [["BAD_CURSOR"]]);
  client.dispose();
});

test("a stream whose session is ended says so in its last event, with the close code of a socket", async () => {
  const owner = await person("owner");
  const client = createClient({ url, headers: { authorization: `Bearer ${owner.accessToken}` }, retryAttempts: 0 });
  const figures = client.iterate({ query: `subscription Figures { dashboardChanged { date billCount } }` });
  assert.ok((await figures.next()).value.data.dashboardChanged.billCount >= 0);
  await owner.signOut();
  let last;
  for await (const answer of figures) last = answer;
  assert.deepEqual(last.errors.map(({ extensions: { code, closeCode } }) => [code, closeCode]), [["UNAUTHENTICATED", 4403]]);
  client.dispose();
});
