// The tabs that a role begins with: `starters/<role>/<place>-<name>.graphql`, variables beside it in a .json of the same
// name. Words such as "$BRANCH" in the variables are filled with ids of the salon that is served.

import { ask } from "./session.js";

const documents = import.meta.glob("../starters/*/*.graphql", { query: "?raw", import: "default", eager: true });
const variables = import.meta.glob("../starters/*/*.json", { query: "?raw", import: "default", eager: true });

const FACTS = {
  $BRANCH: "{ branches(first: 1) { nodes { id } } }",
  $SERVICE: "{ services(first: 1) { nodes { id } } }",
  $PRODUCT: "{ products(first: 1, filter: { isRetail: true }) { nodes { id } } }",
  $CUSTOMER: "{ customers(first: 1) { nodes { id } } }",
};

const dayBefore = (days) =>
  new Date(Date.now() - days * 86_400_000).toLocaleDateString("en-CA", { timeZone: "Asia/Kolkata" });

async function facts(text) {
  const found = { $TODAY: dayBefore(0), $YESTERDAY: dayBefore(1) };
  const wanted = Object.keys(FACTS).filter((name) => text.includes(name));
  await Promise.all(
    wanted.map(async (name) => {
      const { data } = await ask(FACTS[name]);
      found[name] = Object.values(data ?? {})[0]?.nodes?.[0]?.id ?? "";
    }),
  );
  return found;
}

export async function startersOf(role) {
  const folder = role ? role.toLowerCase() : "stranger";
  const paths = Object.keys(documents)
    .filter((path) => path.includes(`/${folder}/`))
    .sort();
  const texts = paths.map((path) => variables[path.replace(".graphql", ".json")] ?? "");
  const found = await facts(texts.join());
  return paths.map((path, place) => ({
    query: documents[path],
    variables: texts[place].replaceAll(/\$[A-Z]+/g, (word) => found[word] ?? word),
  }));
}
