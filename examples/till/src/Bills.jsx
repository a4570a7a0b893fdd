import { useEffect, useState } from "react";
import { useClient, useSubscription } from "urql";

import { shown } from "./money.js";
import { EARLIER, LATEST, POSTED } from "./operations.js";
import { codes } from "./salon.js";

const METHODS = { CASH: "Cash", UPI: "UPI", CARD: "Card", BANK_TRANSFER: "Bank", ON_ACCOUNT: "On account", OTHER: "Other" };
const newest = (one, other) => other.postedAt.localeCompare(one.postedAt) || other.number.localeCompare(one.number);

/** Rows under their ids: what the list showed may be heard once more. */
const merged = (bills, more) =>
  [...new Map([...bills, ...more].map((bill) => [bill.id, bill])).values()].sort(newest);

export function Bills({ branchId, timeZone }) {
  const salon = useClient();
  const [{ bills, page, after }, put] = useState({ bills: [], page: null, after: null });
  const [heard, hear] = useState(new Set());
  const [message, say] = useState("");
  // Instants come in UTC; the branch says in which zone its clocks are.
  const at = (instant) =>
    new Date(instant).toLocaleString("en-IN", { timeZone, day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });

  async function read() {
    const { data, error } = await salon.query(LATEST, { branchId });
    if (error) return say(error.message);
    say("");
    put({ bills: data.bills.nodes, page: data.bills.pageInfo, after: data.viewer.eventCursor });
  }

  async function readEarlier() {
    const { data, error } = await salon.query(EARLIER, { branchId, after: page.endCursor });
    if (error) return say(error.message);
    put((known) => ({ ...known, bills: merged(known.bills, data.bills.nodes), page: data.bills.pageInfo }));
  }

  useEffect(() => void read(), [branchId]);
  const [posted] = useSubscription({ query: POSTED, variables: { branchId, after }, pause: !after }, (_, event) => {
    const { bill } = event.billPosted;
    put((known) => ({ ...known, bills: merged(known.bills, [bill]) }));
    hear((known) => new Set([...known, bill.id]));
    return event;
  });
  // Too much happened while nobody listened: the list is read anew, and the subscription begins behind it.
  const isBehind = codes(posted.error).includes("RESYNC_REQUIRED");
  useEffect(() => void (isBehind && read()), [isBehind]);

  return (
    <section className="bills card">
      <h2>Latest bills</h2>
      <p className="message" role="alert">{message}</p>
      <ol>
        {bills.map(({ id, number, total, postedAt, customer, lines, payments }) => (
          <li key={id} className={heard.has(id) ? "heard" : ""}>
            <span className="number">{number}</span>
            <span className="total">{shown(total)}</span>
            <span className="what">{lines.map(({ description }) => description).join(", ")}</span>
            <span className="who">
              {[customer?.name, payments.map(({ method }) => METHODS[method]).join(" + "), at(postedAt)]
                .filter(Boolean)
                .join(" · ")}
            </span>
          </li>
        ))}
      </ol>
      {page?.hasNextPage && <button onClick={readEarlier}>Earlier ones</button>}
    </section>
  );
}
