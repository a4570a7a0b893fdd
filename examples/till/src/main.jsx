import { useState, useSyncExternalStore } from "react";
import { createRoot } from "react-dom/client";
import { Provider, useQuery } from "urql";

import { Bills } from "./Bills.jsx";
import { ME } from "./operations.js";
import { client, isLive, session, signOut } from "./salon.js";
import { SignIn } from "./SignIn.jsx";
import { Till } from "./Till.jsx";
import { Today } from "./Today.jsx";

function Salon() {
  const [{ data, error }] = useQuery({ query: ME });
  const [chosen, choose] = useState(null);
  const live = useSyncExternalStore(isLive.follow, isLive.read);
  if (error) return <p className="message">{error.message}</p>;
  if (!data) return null;
  const { displayName, permissions, branches } = data.viewer;
  const branch = branches.find(({ id }) => id === chosen) ?? branches[0];
  const branchId = branch.id;
  return (
    <>
      <header>
        <strong>{data.salon.name}</strong>
        <select aria-label="Branch" value={branchId} onChange={({ target }) => choose(target.value)}>
          {branches.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
        </select>
        <span className={live ? "live" : "live cut"}>{live ? "Live" : "Connecting…"}</span>
        <span className="person">{displayName}</span>
        <button onClick={signOut}>Sign out</button>
      </header>
      <main key={branchId}>
        {permissions.includes("BILL_CREATE") && <Till branchId={branchId} />}
        <aside>
          <Today branchId={branchId} seesRevenue={permissions.includes("REVENUE_READ")} />
          <Bills branchId={branchId} timeZone={branch.timeZone} />
        </aside>
      </main>
    </>
  );
}

function Page() {
  const tokens = useSyncExternalStore(session.follow, session.read);
  return tokens ? <Salon /> : <SignIn />;
}

createRoot(document.getElementById("root")).render(<Provider value={client}><Page /></Provider>);
