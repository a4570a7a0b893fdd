import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "@graphiql/plugin-explorer/style.css";
import "./page.css";

import { explorerPlugin } from "@graphiql/plugin-explorer";
import { createGraphiQLFetcher } from "@graphiql/toolkit";
import { GraphiQL, HISTORY_PLUGIN } from "graphiql";
import { createClient } from "graphql-ws";
import { useEffect, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";

import { authorizedFetch, connectionParams, current, endpoint, keep, signIn } from "./session.js";
import { startersOf } from "./starters.js";

const plugins = [HISTORY_PLUGIN, explorerPlugin({ showAttribution: false })];

// Each role has its own tabs and history in this browser.
function storageOf(role) {
  const name = (key) => `salonos.${role ?? "stranger"}.${key}`;
  return {
    getItem: (key) => localStorage.getItem(name(key)),
    setItem: (key, value) => localStorage.setItem(name(key), value),
    removeItem: (key) => localStorage.removeItem(name(key)),
    clear: () => {},
    get length() {
      return localStorage.length;
    },
  };
}

function SignIn({ onDone }) {
  const [message, setMessage] = useState("");
  const [isBusy, setBusy] = useState(false);
  async function submit(event) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setMessage("");
    try {
      await signIn(form.get("username"), form.get("password"));
      onDone();
    } catch (error) {
      setMessage(error.message);
    } finally {
      setBusy(false);
    }
  }
  return (
    <form className="sign-in" onSubmit={submit}>
      <span role="alert" className="message">{message}</span>
      <input name="username" placeholder="Username" autoComplete="username" aria-label="Username" required />
      <input name="password" type="password" placeholder="Password" autoComplete="current-password" aria-label="Password" required />
      <button disabled={isBusy}>{isBusy ? "Signing in…" : "Sign in"}</button>
    </form>
  );
}

function Person({ session, onOut }) {
  return (
    <div className="sign-in">
      <span className="person">{session.name}</span>
      <span className="role">{session.role.toLowerCase()}</span>
      <button onClick={onOut}>Sign out</button>
    </div>
  );
}

function Playground() {
  const [session, setSession] = useState(current());
  const [tabs, setTabs] = useState(null);
  const role = session?.role;
  useEffect(() => {
    setTabs(null);
    startersOf(role).then(setTabs, () => setTabs([]));
  }, [role]);
  const fetcher = useMemo(() => {
    const url = endpoint.replace(/^http/, "ws");
    const wsClient = createClient({ url, connectionParams, lazy: true, retryAttempts: 10 });
    return createGraphiQLFetcher({ url: endpoint, fetch: authorizedFetch, wsClient });
  }, [session]);
  const storage = useMemo(() => storageOf(role), [role]);
  // GraphiQL takes the first tab's operation from defaultTabs, but its variables from here.
  const first = storage.getItem("graphiql:tabState") ? undefined : tabs?.[0]?.variables || undefined;
  const out = () => {
    keep(null);
    setSession(null);
  };
  return (
    <>
      <header>
        <strong>SalonOS</strong>
        <span className="where">playground</span>
        {session ? <Person session={session} onOut={out} /> : <SignIn onDone={() => setSession(current())} />}
      </header>
      <main>
        {tabs && (
          <GraphiQL key={role ?? "stranger"} fetcher={fetcher} plugins={plugins} storage={storage} defaultTabs={tabs.length ? tabs : undefined} initialVariables={first} shouldPersistHeaders={false}>
            <GraphiQL.Logo>
              <span />
            </GraphiQL.Logo>
          </GraphiQL>
        )}
      </main>
    </>
  );
}

createRoot(document.getElementById("root")).render(<Playground />);
