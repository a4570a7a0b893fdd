// The playground in a real browser: sign in, a query, a mutation, a subscription, and no word to another host.
// Usage: node playground.mjs http://127.0.0.1:8000 PASSWORD [folder for screenshots]

import assert from "node:assert/strict";
import { existsSync } from "node:fs";

import { chromium } from "playwright-core";

const [address, password, pictures] = process.argv.slice(2);
const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const browser = await chromium.launch({ executablePath, args: [...quiet, "--disable-component-update", "--disable-sync"] });
const hosts = new Set();
const faults = [];
const pages = [];
let passed = 0;

async function open() {
  const context = await browser.newContext({ viewport: { width: 1400, height: 860 } });
  const page = await context.newPage();
  pages.push(page);
  page.setDefaultTimeout(60_000);
  page.on("request", (request) => request.url().startsWith("http") && hosts.add(new URL(request.url()).origin));
  page.on("websocket", (socket) => hosts.add(new URL(socket.url()).origin.replace("ws", "http")));
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(`${address}/playground`);
  await page.waitForSelector(".graphiql-container");
  return page;
}

async function signIn(page, username) {
  await page.fill("input[name=username]", username);
  await page.fill("input[name=password]", password);
  await page.click(".sign-in button");
  await page.waitForSelector(".person");
  await page.waitForSelector(".graphiql-container .graphiql-execute-button");
  // What the person sees has to be theirs: the tabs of a stranger are gone.
  await page.waitForFunction(() => !document.body.innerText.includes("WhoAmI"));
}

async function tab(page, name) {
  await page.click(`.graphiql-tab:has-text("${name}")`);
  await page.waitForTimeout(1500); // GraphiQL reads a tab's operation a moment after it is shown
}

const play = (page) => page.click(".graphiql-execute-button");
const answer = (page, words) =>
  page.waitForFunction(
    (words) => {
      const text = document.querySelector(".result-window, .graphiql-response")?.innerText.replaceAll("\u00a0", " ") ?? "";
      return words.every((word) => text.includes(word));
    },
    words,
  );

async function check(name, run) {
  try {
    await run();
  } catch (error) {
    console.log(`not ok ${passed + 1} ${name}`);
    for (const [place, page] of pages.entries()) if (pictures) await page.screenshot({ path: `${pictures}/failed-${place}.png` });
    throw error;
  }
  passed += 1;
  console.log(`ok ${passed} ${name}`);
}

const owner = await open();
await check("a wrong password is said", async () => {
  await owner.fill("input[name=username]", "owner");
  await owner.fill("input[name=password]", "not the password");
  await owner.click(".sign-in button");
  await owner.waitForFunction(() => document.querySelector(".message").innerText.length > 10);
});
await check("the owner signs in and reads today's figures", async () => {
  await signIn(owner, "owner");
  await play(owner);
  await answer(owner, ['"dashboard"', '"billCount"', '"salesTotal"']);
  if (pictures) await owner.screenshot({ path: `${pictures}/query.png` });
});
await check("the documentation is there", async () => {
  await owner.click('button[aria-label$="Documentation Explorer"]');
  await owner.waitForFunction(() => document.body.innerText.includes("Root Types"));
  await owner.click('button[aria-label$="Documentation Explorer"]');
});
await check("the explorer is there", async () => {
  await owner.click('button[aria-label$="GraphiQL Explorer"]');
  await owner.waitForFunction(() => document.querySelector(".graphiql-plugin")?.innerText.includes("dashboard"));
  if (pictures) await owner.screenshot({ path: `${pictures}/explorer.png` });
  await owner.click('button[aria-label$="GraphiQL Explorer"]');
});
await check("a sale of the receptionist reaches the owner's subscription", async () => {
  await tab(owner, "Live");
  await play(owner);
  const till = await open();
  await signIn(till, "receptionist");
  await owner.waitForTimeout(1500); // the subscription has no word for "begun"
  await play(till);
  await answer(till, ['"CheckOutSuccess"', '"number"']);
  await answer(owner, ['"billPosted"', '"number"']);
  if (pictures) await owner.screenshot({ path: `${pictures}/subscription.png` });
  if (pictures) await till.screenshot({ path: `${pictures}/mutation.png` });
});
await check("nobody but the salon was asked for anything", async () => {
  assert.deepEqual([...hosts], [new URL(address).origin]);
  assert.deepEqual(faults, []);
});
await browser.close();
console.log(`${passed} passed, 0 failed`);
