// The example till in a real browser: sign in, a sale that does not add up and one that does, another's sale as it
// happens, a network that is cut, and a token whose time is over. Usage: node till.mjs TILL-ADDRESS [folder for screenshots]
// The page asks the salon through a cable that can be cut; the salon has to know the till's address as an origin.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { ask, cable, expired, password, person } from "./salon.mjs";

const [till, pictures] = process.argv.slice(2);
const network = await cable();
const salon = `http://${network.address}`;
const server = spawn("node", ["serve.mjs"], {
  cwd: fileURLToPath(new URL("../../examples/till", import.meta.url)),
  env: { ...process.env, SALON_ADDRESS: salon, PORT: new URL(till).port },
  stdio: ["ignore", "pipe", "inherit"],
});
process.on("exit", () => server.kill());
await new Promise((resolve, reject) => {
  server.stdout.once("data", resolve); // its one line, once the page is built and served
  server.once("exit", () => reject(new Error("The till's page does not build.")));
});
const executablePath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const browser = await chromium.launch({ executablePath, args: [...quiet, "--disable-component-update", "--disable-sync"] });
const hosts = new Set();
const faults = [];
let passed = 0;

async function open(username) {
  const context = await browser.newContext({ viewport: { width: 1400, height: 860 } });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.on("request", (request) => request.url().startsWith("http") && hosts.add(new URL(request.url()).origin));
  page.on("websocket", (socket) => hosts.add(new URL(socket.url()).origin.replace("ws", "http")));
  page.on("pageerror", (error) => faults.push(error.message));
  await page.goto(till);
  await page.fill("input[name=username]", username);
  return page;
}

async function signIn(page) {
  await page.fill("input[name=password]", password);
  await page.click("text=Sign in");
  await page.waitForSelector(".bills li");
  await page.waitForSelector(".live:not(.cut)");
}

const picture = (page, name) => pictures && page.screenshot({ path: `${pictures}/${name}.png` });
const numbers = (page) => page.locator(".bills .number").allInnerTexts();
const shows = (page, number) => page.waitForSelector(`.bills li:has-text("${number}")`);

async function check(name, run) {
  try {
    await run();
  } catch (error) {
    console.log(`not ok ${passed + 1} till: ${name}`);
    await picture(desk, "failed");
    throw error;
  }
  passed += 1;
  console.log(`ok ${passed} till: ${name}`);
}

const other = await person("manager");
const desk = await open("receptionist");
await check("a wrong password is said", async () => {
  await desk.fill("input[name=password]", "not the password");
  await desk.click("text=Sign in");
  await desk.waitForFunction(() => document.querySelector(".message").innerText.length > 10);
  await picture(desk, "sign-in");
});
await check("the receptionist signs in, sees the latest bills, and no figures of revenue", async () => {
  await signIn(desk);
  assert.equal((await numbers(desk)).length, 12);
  await desk.waitForFunction(() => /^\d+\n? ?bills/.test(document.querySelector(".today").innerText));
  assert.equal(await desk.locator(".today p").count(), 2);
});
await check("earlier bills follow, none twice", async () => {
  await desk.click("text=Earlier ones");
  await desk.waitForFunction(() => document.querySelectorAll(".bills li").length === 24);
  assert.equal(new Set(await numbers(desk)).size, 24);
});
let sold;
await check("too little cash is a sentence, and the same basket is sold with enough", async () => {
  await desk.locator(".service").first().click();
  await desk.locator(".service").nth(1).click();
  await desk.fill("input[name=cash]", "1.00");
  await desk.click("button.main");
  await desk.waitForSelector(".basket .message:has-text('is due')");
  await picture(desk, "problem");
  await desk.fill("input[name=cash]", "20000");
  await desk.click("button.main");
  sold = await desk.locator(".sold b").innerText();
  await shows(desk, sold);
  assert.match(await desk.locator(".sold span").innerText(), /^Change ₹[\d,]+\.\d\d$/);
});
await check("another's sale appears by itself", async () => {
  await shows(desk, (await other.sell()).number);
  await picture(desk, "till");
});
await check("what was sold while the network was away is there once it is back, in order and once", async () => {
  network.cut();
  await desk.waitForSelector(".live.cut");
  const missed = [(await other.sell()).number, (await other.sell()).number];
  network.mend();
  for (const number of missed) await shows(desk, number);
  assert.deepEqual((await numbers(desk)).slice(0, 2), missed.toReversed());
  const seen = await numbers(desk);
  assert.equal(new Set(seen).size, seen.length);
});
await check("a sale whose answer was lost is made once, however often the button is pressed", async () => {
  const latest = async () =>
    (await ask(other.accessToken, "query Latest { bills(first: 1, filter: { status: POSTED }) { nodes { number } } }")).bills
      .nodes[0].number;
  const before = await latest();
  await desk.locator(".service").nth(2).click();
  await desk.fill("input[name=cash]", "20000");
  network.lose();
  await desk.click("button.main");
  await desk.waitForSelector(".basket .message:has-text('nothing is sold twice')");
  let made = before;
  while (made === before) made = await latest(); // the salon has sold it; the till does not know
  network.mend();
  await desk.click("button.main");
  assert.equal(await desk.locator(".sold b").innerText(), made);
  assert.equal(await latest(), made);
});
await check("a token whose time is over is refreshed unseen, for queries and for the websocket", async () => {
  const before = await desk.evaluate(() => JSON.parse(sessionStorage.getItem("till.session")));
  const late = { ...before, accessToken: expired(before.accessToken) };
  await desk.evaluate((text) => sessionStorage.setItem("till.session", text), JSON.stringify(late));
  await desk.reload();
  await desk.waitForSelector(".bills li");
  await desk.waitForSelector(".live:not(.cut)");
  const after = await desk.evaluate(() => JSON.parse(sessionStorage.getItem("till.session")));
  assert.notEqual(after.refreshToken, before.refreshToken);
  await shows(desk, (await other.sell()).number);
});
await check("the owner sees revenue too, and the accountant no till", async () => {
  const owner = await open("owner");
  await signIn(owner);
  await owner.waitForFunction(() => document.querySelector(".today").innerText.includes("₹"));
  await picture(owner, "owner");
  const accountant = await open("accountant");
  await signIn(accountant);
  assert.equal(await accountant.locator(".till").count(), 0);
  await picture(accountant, "accountant");
});
await check("signed out, nobody sees anything", async () => {
  await desk.click("text=Sign out");
  await desk.waitForSelector("input[name=password]");
  assert.equal(await desk.evaluate(() => JSON.parse(sessionStorage.getItem("till.session"))), null);
});
await check("nobody but the page's server and the salon was asked for anything", async () => {
  assert.deepEqual([...hosts].sort(), [till, salon].sort());
  assert.deepEqual(faults, []);
});
await browser.close();
network.close();
server.removeAllListeners("exit");
server.kill();
console.log(`${passed} passed, 0 failed`);
