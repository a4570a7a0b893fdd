import { useRef, useState } from "react";
import { useMutation, useQuery } from "urql";

import { amount, paise, shown } from "./money.js";
import { MENU, SELL } from "./operations.js";
import { once } from "./salon.js";

const NOTES = ["500.00", "1000.00", "2000.00", "5000.00"];

export function Till({ branchId }) {
  const [{ data, error }] = useQuery({ query: MENU, variables: { branchId } });
  const [lines, setLines] = useState([]);
  const [staffId, setStaffId] = useState("");
  const [cash, setCash] = useState("");
  const [told, tell] = useState(null);
  const [{ fetching }, sell] = useMutation(SELL);
  const attempt = useRef(null);
  if (error) return <p className="message">{error.message}</p>;
  if (!data) return <section className="till" />;

  const services = data.services.nodes;
  const categories = [...new Set(services.map(({ category }) => category))];
  const priced = amount(lines.reduce((sum, { price }) => sum + paise(price), 0n));

  async function checkOut(event) {
    event.preventDefault();
    const input = {
      branchId,
      lines: lines.map(({ id }) => ({ serviceId: id, ...(staffId && { staffId }) })),
      payments: [{ method: "CASH", amount: cash.includes(".") ? cash : `${cash}.00` }],
    };
    // One key for one action of a person. It is kept while nobody knows what became of it, so that pressing again
    // after a cut sells nothing twice.
    const asked = JSON.stringify(input);
    if (attempt.current?.asked !== asked) attempt.current = { asked, key: crypto.randomUUID() };
    const answer = await sell({ input }, once(attempt.current.key));
    if (answer.error) return tell({ message: `${answer.error.message} Try again: nothing is sold twice.` });
    attempt.current = null;
    const result = answer.data.checkOut;
    switch (result.__typename) {
      case "CheckOutSuccess":
        setLines([]);
        setCash("");
        return tell({ bill: result.bill });
      case "PaymentsDoNotAddUp":
        return tell({ message: `${shown(result.due)} is due.` });
      case "InvalidInput":
        return tell({ message: result.issues.map(({ message }) => message).join(" ") });
      default: // every other Problem has its sentence for the person at the till
        return tell({ message: result.message });
    }
  }

  return (
    <section className="till">
      <div className="menu">
        {categories.map((category) => (
          <div key={category} className="category">
            <h2>{category || "Services"}</h2>
            {services.filter((each) => each.category === category).map((service) => (
              <button key={service.id} className="service" onClick={() => (setLines([...lines, service]), tell(null))}>
                <span>{service.name}</span>
                <small>{service.durationMinutes} min</small>
                <b>{shown(service.price)}</b>
              </button>
            ))}
          </div>
        ))}
      </div>
      <form className="basket card" onSubmit={checkOut}>
        <h2>Bill</h2>
        {told?.bill && (
          <p className="sold" role="status">
            <b>{told.bill.number}</b> {shown(told.bill.total)}
            <span>Change {shown(told.bill.payments[0].change ?? "0.00")}</span>
          </p>
        )}
        {!lines.length && !told?.bill && <p className="empty">Choose what was done.</p>}
        <ul>
          {lines.map(({ name, price }, place) => (
            <li key={place}>
              <span>{name}</span>
              <span>{shown(price)}</span>
              <button type="button" aria-label={`Take ${name} off`} onClick={() => setLines(lines.toSpliced(place, 1))}>
                ×
              </button>
            </li>
          ))}
        </ul>
        <p className="sum"><span>By the price list<small>Tax is the salon’s to add.</small></span><b>{shown(priced)}</b></p>
        <label>
          Served by
          <select value={staffId} onChange={({ target }) => setStaffId(target.value)}>
            <option value="">Nobody in particular</option>
            {data.staff.nodes.map(({ id, displayName }) => <option key={id} value={id}>{displayName}</option>)}
          </select>
        </label>
        <label>
          Cash received
          <input value={cash} onChange={({ target }) => setCash(target.value)} inputMode="decimal" required
            pattern="[0-9]{1,8}(\.[0-9]{2})?" placeholder="0.00" name="cash" />
        </label>
        <div className="notes">
          {NOTES.map((note) => (
            <button key={note} type="button" onClick={() => setCash(note)}>{shown(note).replace(".00", "")}</button>
          ))}
        </div>
        <p className="message" role="alert">{told?.message}</p>
        <button className="main" disabled={!lines.length || fetching}>Sell</button>
      </form>
    </section>
  );
}
