// Who asks, as (a) and SalonOS find it out: the token is verified (fast-jwt) and its session read once in two seconds.

import { createVerifier } from "fast-jwt";

const CACHED_MS = 2000;
const BEARER = "Bearer ";
const PRINCIPAL = {
  name: "principal",
  text: `
    select staff.all_branches as "isEverywhere",
      array(select branch_id from staff_branches where staff_id = staff.id)::text[] as "branchIds"
    from sessions join staff on staff.id = sessions.staff_id and staff.is_active
    where sessions.id = $1 and staff.id = $2 and staff.rights_version = $3
      and sessions.ended_at is null and sessions.expires_at > now()
  `,
};

/**
 * What reads the principal of a header: `{ isEverywhere, branchIds }`; it throws where there is none. Without
 * BENCH_TOKEN_KEY the server looks at no token, and everybody is everywhere.
 */
export function principals(pool) {
  if (process.env.BENCH_TOKEN_KEY === undefined) return () => null;
  const verify = createVerifier({
    key: Buffer.from(process.env.BENCH_TOKEN_KEY, "base64"),
    algorithms: ["HS256"],
    allowedIss: "salonos",
    allowedAud: "salonos/graphql",
    requiredClaims: ["exp", "sub", "sid", "ver"],
  });
  const known = new Map();
  async function read(token) {
    known.delete(token);
    const claims = verify(token);
    const found = (await pool.query({ ...PRINCIPAL, values: [claims.sid, claims.sub, claims.ver] })).rows[0];
    if (found === undefined) throw new Error("Sign in again.");
    known.set(token, { principal: found, until: Math.min(Date.now() + CACHED_MS, claims.exp * 1000) });
    return found;
  }
  return (header) => {
    const token = header?.startsWith(BEARER) ? header.slice(BEARER.length) : "";
    const kept = known.get(token);
    return kept !== undefined && Date.now() < kept.until ? kept.principal : read(token);
  };
}
