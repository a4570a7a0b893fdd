// (d): PostGraphile 5 with its recommended preset over the same tables, nothing written by hand but a line's total. Lists
// are offered beside connections, so that the answer nests as the others' do. With BENCH_TOKEN_KEY it checks the token as
// (a) does, and tells PostgreSQL by pgSettings who asks: the policies of `rows.sql` choose the rows.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

import pg from "pg";
import { postgraphile } from "postgraphile";
import { TYPES } from "postgraphile/@dataplan/pg";
import { makePgService } from "postgraphile/adaptors/pg";
import { grafserv } from "postgraphile/grafserv/node";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { extendSchema, gql } from "postgraphile/utils";

import { principals } from "../principal.js";

const CONNECTIONS = 10;

const pool = new pg.Pool({
  host: process.env.BENCH_PGHOST,
  user: process.env.BENCH_PGUSER,
  database: process.env.BENCH_PGDATABASE,
  max: CONNECTIONS,
});

const lineTotal = extendSchema(({ sql }) => ({
  typeDefs: gql`
    extend type BillLine {
      totalPaise: BigInt!
    }
  `,
  objects: {
    BillLine: {
      plans: {
        totalPaise: ($line) =>
          $line.select(
            sql`(${$line}.taxable_paise + ${$line}.cgst_paise + ${$line}.sgst_paise + ${$line}.igst_paise)`,
            TYPES.bigint,
          ),
      },
    },
  },
}));

if (process.env.BENCH_TOKEN_KEY !== undefined) await pool.query(await readFile(new URL("rows.sql", import.meta.url), "utf8"));
const principalOf = principals(pool);

async function context({ node }) {
  const principal = await principalOf(node.req.headers.authorization);
  if (principal === null) return {};
  return {
    pgSettings: {
      role: "bench_reader",
      "bench.everywhere": principal.isEverywhere,
      "bench.branch_ids": `{${principal.branchIds}}`,
    },
  };
}

const pgl = postgraphile({
  extends: [PostGraphileAmberPreset],
  plugins: [lineTotal],
  pgServices: [makePgService({ pool, schemas: ["public"] })],
  schema: { defaultBehavior: "+list" },
  grafast: { explain: false, context },
  grafserv: { graphiql: false, watch: false },
});

const server = createServer();
server.on("error", (error) => {
  throw error;
});
await pgl.createServ(grafserv).addTo(server);
await pgl.getSchema();
server.listen(Number(process.env.BENCH_PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit());
