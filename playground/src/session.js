// Who is signed in in this browser tab: tokens in memory and in sessionStorage, gone when the tab is closed.

const KEPT = "salonos.session";
const ENDPOINT = new URL("/graphql", window.location.href);
const SIGN_IN = `mutation SignIn($input: SignInInput!) {
  signIn(input: $input) {
    __typename
    ... on SignInSuccess { accessToken refreshToken viewer { displayName role { name } } }
    ... on Problem { message }
  }
}`;
const REFRESH = `mutation Refresh($input: RefreshTokensInput!) {
  refreshTokens(input: $input) {
    __typename
    ... on RefreshTokensSuccess { accessToken refreshToken }
    ... on Problem { message }
  }
}`;

let session = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
let refreshing = null;

export const endpoint = ENDPOINT.href;
export const current = () => session;

export function keep(next) {
  session = next;
  if (next) sessionStorage.setItem(KEPT, JSON.stringify(next));
  else sessionStorage.removeItem(KEPT);
}

const key = () => crypto.randomUUID().replaceAll("-", "");

async function post(body, token) {
  const headers = { "content-type": "application/json", "idempotency-key": key() };
  if (token) headers.authorization = `Bearer ${token}`;
  return fetch(ENDPOINT, { method: "POST", headers, body: JSON.stringify(body) });
}

export async function ask(query, variables) {
  const reply = await post({ query, variables }, session?.accessToken);
  return reply.json();
}

export async function signIn(username, password) {
  const input = { username, password, deviceName: "Playground" };
  const reply = await post({ query: SIGN_IN, variables: { input } });
  const answer = await reply.json();
  const result = answer.data?.signIn;
  if (result?.__typename !== "SignInSuccess") throw new Error(result?.message ?? answer.errors?.[0]?.message ?? "No answer");
  keep({
    accessToken: result.accessToken,
    refreshToken: result.refreshToken,
    name: result.viewer.displayName,
    role: result.viewer.role.name,
  });
}

// One refresh at a time: a refresh token is good for one use.
async function refresh() {
  refreshing ??= (async () => {
    try {
      const reply = await post({ query: REFRESH, variables: { input: { refreshToken: session.refreshToken } } });
      const result = (await reply.json()).data?.refreshTokens;
      if (result?.__typename !== "RefreshTokensSuccess") throw new Error(result?.message ?? "Sign in again.");
      keep({ ...session, accessToken: result.accessToken, refreshToken: result.refreshToken });
    } finally {
      refreshing = null;
    }
  })();
  return refreshing;
}

// fetch for GraphiQL: the token of this moment, a key on every mutation, and one refresh when the token has expired.
export async function authorizedFetch(url, options) {
  const send = () => {
    const headers = { ...options.headers, "idempotency-key": options.headers["idempotency-key"] ?? key() };
    if (session) headers.authorization = `Bearer ${session.accessToken}`;
    return fetch(url, { ...options, headers });
  };
  const reply = await send();
  if (reply.status !== 401 || !session) return reply;
  await refresh();
  return send();
}

export async function connectionParams() {
  if (!session) throw new Error("Sign in to subscribe.");
  const [, claims] = session.accessToken.split(".");
  const expires = JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/"))).exp * 1000;
  if (expires < Date.now() + 30_000) await refresh();
  return { Authorization: `Bearer ${session.accessToken}` };
}
