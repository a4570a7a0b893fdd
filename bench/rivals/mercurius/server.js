// (e): Fastify and Mercurius with graphql-jit, as their documentation shows them: a loader for each edge, a pool of ten
// connections, named prepared statements. Values get their form in SQL, where it costs least. With BENCH_TOKEN_KEY it
// checks the token in Mercurius's context and a bill's branch in its statements, as (a) does.

import Fastify from "fastify";
import mercurius from "mercurius";
import pg from "pg";

import { principals } from "../principal.js";

const CONNECTIONS = 10;
const INSTANT = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`;

const pool = new pg.Pool({
  host: process.env.BENCH_PGHOST,
  user: process.env.BENCH_PGUSER,
  database: process.env.BENCH_PGDATABASE,
  max: CONNECTIONS,
});

const schema = `
  type Query {
    bills(branchId: ID!, first: Int!): BillConnection!
    bill(id: ID!): Bill
  }
  type BillConnection { nodes: [Bill!]! }
  type Bill {
    id: ID!
    number: String
    status: String!
    createdAt: String!
    total: String!
    balanceDue: String!
    customer: Customer
    lines: [BillLine!]!
    payments: [Payment!]!
  }
  type Customer { id: ID! name: String! }
  type BillLine { id: ID! position: Int! description: String! total: String! }
  type Payment { id: ID! method: String! amount: String! receivedAt: String! }
`;

const BILL = `
  select id as key, customer_id as "customerKey", 'bill_' || encode(uuid_send(id), 'hex') as id, number, status,
    to_char(created_at at time zone 'UTC', ${INSTANT}) as "createdAt", (total_paise * 0.01)::text as total,
    (balance_due_paise * 0.01)::text as "balanceDue"
  from bills
`;
const LATEST = { name: "latest", text: `${BILL} where branch_id = $1 order by listed_at desc, id desc limit $2` };
const LATEST_OF_BRANCHES = {
  name: "latest of branches",
  text: `${BILL} where branch_id = $1 and branch_id = any($3) order by listed_at desc, id desc limit $2`,
};
const ONE = { name: "one", text: `${BILL} where id = $1` };
const ONE_OF_BRANCHES = { name: "one of branches", text: `${BILL} where id = $1 and branch_id = any($2)` };
const CUSTOMERS = {
  name: "customers",
  text: `
    select id as key, 'customer_' || encode(uuid_send(id), 'hex') as id, name
    from customers where id = any($1::uuid[])
  `,
};
const LINES = {
  name: "lines",
  text: `
    select bill_id as key, 'line_' || encode(uuid_send(id), 'hex') as id, position, description,
      ((taxable_paise + cgst_paise + sgst_paise + igst_paise) * 0.01)::text as total
    from bill_lines where bill_id = any($1::uuid[]) order by bill_id, position
  `,
};
const PAYMENTS = {
  name: "payments",
  text: `
    select bill_id as key, 'payment_' || encode(uuid_send(id), 'hex') as id, method, (amount_paise * 0.01)::text as amount,
      to_char(received_at at time zone 'UTC', ${INSTANT}) as "receivedAt"
    from payments where bill_id = any($1::uuid[]) order by bill_id, received_at, id
  `,
};

async function rows(statement, values) {
  return (await pool.query({ ...statement, values })).rows;
}

// A manager's bills are those of their branches; who is everywhere, or is not asked who they are, sees all of them.
function billRows(anywhere, ofBranches, values, principal) {
  return !principal || principal.isEverywhere ? rows(anywhere, values) : rows(ofBranches, [...values, principal.branchIds]);
}

const resolvers = {
  Query: {
    bills: async (_, { branchId, first }, { principal }) => ({
      nodes: await billRows(LATEST, LATEST_OF_BRANCHES, [branchId.slice("branch_".length), first], principal),
    }),
    bill: async (_, { id }, { principal }) =>
      (await billRows(ONE, ONE_OF_BRANCHES, [id.slice("bill_".length)], principal))[0] ?? null,
  },
};

function many(statement) {
  return {
    opts: { cache: false },
    loader: async (queries) => {
      const found = new Map(queries.map(({ obj }) => [obj.key, []]));
      for (const row of await rows(statement, [[...found.keys()]])) found.get(row.key).push(row);
      return queries.map(({ obj }) => found.get(obj.key));
    },
  };
}

const loaders = {
  Bill: {
    customer: {
      opts: { cache: false },
      loader: async (queries) => {
        const keys = new Set(queries.map(({ obj }) => obj.customerKey).filter((key) => key !== null));
        const found = new Map((await rows(CUSTOMERS, [[...keys]])).map((row) => [row.key, row]));
        return queries.map(({ obj }) => found.get(obj.customerKey) ?? null);
      },
    },
    lines: many(LINES),
    payments: many(PAYMENTS),
  },
};

const principalOf = principals(pool);
const context = async (request) => ({ principal: await principalOf(request.headers.authorization) });

const app = Fastify({ logger: false });
app.register(mercurius, { schema, resolvers, loaders, context, jit: 1, graphiql: false });
process.on("SIGTERM", async () => {
  await app.close();
  await pool.end();
});
await app.listen({ host: "127.0.0.1", port: Number(process.env.BENCH_PORT) });
