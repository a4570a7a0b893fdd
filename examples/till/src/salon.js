// What a front end writes once: who is signed in, a client that refreshes tokens, and subscriptions that go on where
// they were cut. Nothing here knows what is sold.

import { authExchange } from "@urql/exchange-auth";
import { createClient } from "graphql-ws";
import { Client, fetchExchange, stringifyDocument, subscriptionExchange } from "urql";

import { REFRESH, SIGN_IN, SIGN_OUT } from "./operations.js";

const URL = `${SALON_ADDRESS}/graphql`;
const KEPT = "till.session";
const DEVICE = "till.device";

/** A value that React components read with useSyncExternalStore. */
function store(value) {
  const readers = new Set();
  return {
    read: () => value,
    follow: (reader) => (readers.add(reader), () => readers.delete(reader)),
    put(next) {
      value = next;
      for (const reader of readers) reader();
    },
  };
}

// --- who is signed in: tokens in this tab only, gone when it is closed

export const session = store(JSON.parse(sessionStorage.getItem(KEPT) ?? "null"));
session.follow(() => sessionStorage.setItem(KEPT, JSON.stringify(session.read())));

async function post(document, variables) {
  const reply = await fetch(URL, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: stringifyDocument(document), variables }),
  });
  const { data, errors } = await reply.json();
  if (errors) throw new Error(errors[0].message);
  return Object.values(data)[0];
}

/** What the salon knows this till by, made once and kept: the session is bound to it, and strangers can't lock it out. */
function deviceId() {
  const made = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0"));
  const id = localStorage.getItem(DEVICE) ?? made().join("");
  localStorage.setItem(DEVICE, id);
  return id;
}

export async function signIn(username, password) {
  const result = await post(SIGN_IN, { input: { username, password, deviceName: "Till", deviceId: deviceId() } });
  if (result.__typename !== "SignInSuccess") throw new Error(result.message);
  session.put(result);
}

export async function signOut() {
  await client.mutation(SIGN_OUT, {});
  session.put(null);
}

// One refresh at a time, for queries and sockets together: a refresh token is good for one use.
let refreshing = null;
function refresh() {
  refreshing ??= post(REFRESH, { input: { refreshToken: session.read().refreshToken, deviceId: deviceId() } })
    .then((result) => session.put(result.__typename === "RefreshTokensSuccess" ? result : null))
    .finally(() => (refreshing = null));
  return refreshing;
}

const hasExpired = () => session.read() !== null && new Date(session.read().expiresAt) - Date.now() < 10_000;

async function authorization() {
  if (hasExpired()) await refresh();
  return `Bearer ${session.read()?.accessToken}`;
}

// --- live: one websocket for all subscriptions

export const isLive = store(false);
const socket = createClient({
  url: URL.replace("http", "ws"),
  connectionParams: async () => ({ Authorization: await authorization() }),
  retryAttempts: Infinity,
  shouldRetry: () => session.read() !== null,
  on: { connected: () => isLive.put(true), closed: () => isLive.put(false) },
});

function listen({ query, variables }, sink) {
  const payload = { query, variables: { ...variables } };
  let isOver = false;
  let stop = () => {};
  function begin() {
    stop = socket.subscribe(payload, {
      next(result) {
        // The client sends this payload again when it comes back from a cut: it goes on behind the last event.
        const cursor = Object.values(result.data ?? {})[0]?.cursor;
        if (cursor) payload.variables.after = cursor;
        sink.next(result);
      },
      async error(reason) {
        // 4401: the token's time is over. graphql-ws leaves that to us: a new one, and on from the last cursor.
        if (reason.code === 4401) await refresh();
        if (reason.code === 4401 && session.read() && !isOver) begin();
        else if (reason.code === 4401 || reason.code === 4403) session.put(null);
        else sink.error(reason);
      },
      complete: () => sink.complete(),
    });
  }
  begin();
  return () => {
    isOver = true;
    stop();
  };
}

// --- queries and mutations

export const client = new Client({
  url: URL,
  preferGetMethod: false, // the salon answers POSTs only: an operation in an address stands in logs
  exchanges: [
    authExchange(async (utilities) => ({
      addAuthToOperation: (operation) =>
        utilities.appendHeaders(operation, { authorization: `Bearer ${session.read()?.accessToken}` }),
      willAuthError: hasExpired,
      didAuthError: ({ graphQLErrors }) => graphQLErrors.some(({ extensions }) => extensions.code === "UNAUTHENTICATED"),
      refreshAuth: refresh,
    })),
    fetchExchange,
    subscriptionExchange({
      forwardSubscription: (request) => ({ subscribe: (sink) => ({ unsubscribe: listen(request, sink) }) }),
    }),
  ],
});

/** The codes of an answer's errors. */
export const codes = (error) => error?.graphQLErrors.map(({ extensions }) => extensions.code) ?? [];

/** The headers of one action of a person: the same again when it is tried again. */
export const once = (key) => ({ fetchOptions: { headers: { "idempotency-key": key } } });
