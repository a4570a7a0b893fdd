// The salon that the clients are tested on: where it answers, who works there, and a sale by somebody else. It asks by
// plain fetch, so that no client under test stands behind what another one is held to.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import net from "node:net";
import { fileURLToPath } from "node:url";

import { buildSchema, isAbstractType } from "graphql";

const root = fileURLToPath(new URL("../..", import.meta.url));
export const address = process.env.SALON_ADDRESS;
export const password = process.env.SALONOS_DEMO_PASSWORD;
export const url = `${address}/graphql`;
export const socketUrl = url.replace("http", "ws");
export const PATIENCE_MS = 60_000;
assert.ok(address && password, "Run `make clients`: it starts a salon and says where it is.");

export const schema = buildSchema(readFileSync(`${root}schema.graphql`, "utf8"));
export const newKey = () => randomUUID();

/** Which types an interface or union may be: what normalising caches need to read `... on Problem`. */
export const possibleTypes = Object.fromEntries(
  Object.values(schema.getTypeMap())
    .filter(isAbstractType)
    .map((type) => [type.name, schema.getPossibleTypes(type).map(({ name }) => name)]),
);

export async function ask(token, query, variables = {}, headers = {}) {
  const reply = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }), ...headers },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = await reply.json();
  assert.equal(errors, undefined, JSON.stringify(errors));
  return data;
}

const SIGN_IN = /* GraphQL */ `
  mutation SignIn($input: SignInInput!) {
    signIn(input: $input) {
      __typename
      ... on SignInSuccess { accessToken refreshToken expiresAt viewer { displayName } }
      ... on Problem { message }
    }
  }
`;

export async function signIn(username) {
  const { signIn: result } = await ask(null, SIGN_IN, { input: { username, password, deviceName: "Client tests" } });
  assert.equal(result.__typename, "SignInSuccess", result.message);
  return result;
}

/** The same token when its time is over, signed by the salon itself. */
export const expired = (token) =>
  execFileSync(`${root}.venv/bin/python`, ["-m", "tests.clients.expired"], { cwd: root, input: token, encoding: "utf8" });

const FACTS = /* GraphQL */ `
  query Facts { branches(first: 1) { nodes { id } } services(first: 2) { nodes { id name price } } }
`;

const SELL = /* GraphQL */ `
  mutation Sell($input: CheckOutInput!) {
    checkOut(input: $input) {
      __typename
      ... on CheckOutSuccess { bill { id number total } }
      ... on Problem { message }
    }
  }
`;

const SIGN_OUT = /* GraphQL */ `mutation SignOut { signOut(input: {}) { __typename } }`;

/** What a sale of one service, paid in cash, is asked with. */
export const sale = ({ branchId, serviceId }) => ({
  branchId,
  lines: [{ serviceId }],
  payments: [{ method: "CASH", amount: "20000.00" }],
});

/** Somebody of the salon, signed in with a session of their own, who can sell. */
export async function person(username) {
  const { accessToken, refreshToken } = await signIn(username);
  const { branches, services } = await ask(accessToken, FACTS);
  const facts = { branchId: branches.nodes[0].id, serviceId: services.nodes[0].id };
  return {
    ...facts,
    accessToken,
    refreshToken,
    async sell() {
      const { checkOut } = await ask(accessToken, SELL, { input: sale(facts) }, { "idempotency-key": newKey() });
      assert.equal(checkOut.__typename, "CheckOutSuccess", checkOut.message);
      return checkOut.bill;
    },
    async signOut() {
      await ask(accessToken, SIGN_OUT);
    },
  };
}

/** What comes of something that is pushed, to be awaited one by one; a bound makes waiting in vain a failure. */
export class Inbox {
  #kept = [];
  #waiting = [];

  put(value) {
    const first = this.#waiting.shift();
    if (first) first(value);
    else this.#kept.push(value);
  }

  next(what) {
    if (this.#kept.length) return Promise.resolve(this.#kept.shift());
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`Waited in vain for ${what}.`)), PATIENCE_MS);
      this.#waiting.push((value) => (clearTimeout(timer), resolve(value)));
    });
  }

  get size() {
    return this.#kept.length;
  }
}

/** A network that can be cut: passes everything on to the salon until `cut`, and refuses until `mend`. In between,
 * `lose` lets questions through and breaks the connection where an answer comes back. */
export async function cable() {
  const { hostname, port } = new URL(address);
  const open = new Set();
  let isCut = false;
  let isLosing = false;
  const server = net.createServer((near) => {
    if (isCut) return near.destroy();
    const far = net.connect(Number(port), hostname);
    for (const [one, other] of [[near, far], [far, near]]) {
      open.add(one);
      one.on("error", () => other.destroy());
      one.on("close", () => (open.delete(one), other.destroy()));
    }
    near.pipe(far);
    far.on("data", (bytes) => (isLosing ? near.destroy() : near.write(bytes)));
    far.on("end", () => near.end());
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${server.address().port}`,
    cut() {
      isCut = true;
      for (const socket of open) socket.destroy();
    },
    lose() {
      isLosing = true;
    },
    mend() {
      isCut = isLosing = false;
    },
    close() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
