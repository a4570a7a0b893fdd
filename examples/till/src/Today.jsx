import { useSubscription } from "urql";

import { shown } from "./money.js";
import { TODAY } from "./operations.js";

/** The day's figures: at once, and after every change. */
export function Today({ branchId, seesRevenue }) {
  const [{ data }] = useSubscription({ query: TODAY, variables: { branchId, seesRevenue } });
  const { billCount, customerCount, salesTotal } = data?.dashboardChanged ?? {};
  return (
    <section className="today">
      <p><b>{billCount ?? "–"}</b> bills today</p>
      <p><b>{customerCount ?? "–"}</b> customers</p>
      {seesRevenue && <p><b>{salesTotal ? shown(salesTotal) : "–"}</b> sold</p>}
    </section>
  );
}
