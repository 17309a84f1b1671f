// The status page in headless Chromium, driven over its own protocol; tells what happened as JSON on stdout.
//
// node page.mjs URL OUT     pictures go to OUT; needs Node.js 22 or newer and Chromium ($CHROMIUM, else `chromium`)
import { spawn } from "child_process";
import fs from "fs";
import os from "os";
import path from "path";

const [url, out] = process.argv.slice(2);
const profile = fs.mkdtempSync(path.join(os.tmpdir(), "status-page-"));
const browser = spawn(process.env.CHROMIUM ?? "chromium", [
  "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
  `--user-data-dir=${profile}`, "--remote-debugging-port=0", "about:blank",
], { stdio: ["ignore", "ignore", "pipe"] });
const address = await new Promise((resolve, reject) => {
  let said = "";
  browser.stderr.on("data", part => {
    said += part;
    const found = /DevTools listening on (ws:\S+)/.exec(said);
    if (found) resolve(found[1]);
  });
  browser.on("exit", () => reject(new Error(said)));
});
const socket = new WebSocket(address);
await new Promise(resolve => (socket.onopen = resolve));
const waiting = new Map(), told = { errors: [], requests: [] };
let last = 0, session;
socket.onmessage = event => {
  const message = JSON.parse(event.data);
  if (message.id) {
    const { resolve, reject } = waiting.get(message.id);
    waiting.delete(message.id);
    return message.error ? reject(new Error(JSON.stringify(message.error))) : resolve(message.result);
  }
  const { method, params } = message;
  if (method === "Network.requestWillBeSent") told.requests.push(params.request.url);
  if (method === "Runtime.exceptionThrown") told.errors.push(params.exceptionDetails.text);
  if (method === "Runtime.consoleAPICalled") told.errors.push(JSON.stringify(params.args));
  if (method === "Log.entryAdded") told.errors.push(`${params.entry.source}: ${params.entry.text}`);
};
const call = (method, params = {}) => new Promise((resolve, reject) => {
  waiting.set(++last, { resolve, reject });
  socket.send(JSON.stringify({ id: last, method, params, sessionId: session }));
});
const value = async expression =>
  (await call("Runtime.evaluate", { expression, awaitPromise: true, returnByValue: true })).result.value;

async function open(width, height, features = []) {
  await call("Emulation.setDeviceMetricsOverride", { width, height, deviceScaleFactor: 1, mobile: width < 500 });
  await call("Emulation.setEmulatedMedia", { features });
  await call("Page.navigate", { url });
  for (;;) {
    const ready = await value(`location.href === ${JSON.stringify(url)} && document.readyState === "complete"`);
    if (ready) return;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}
async function picture(name) {
  const { data } = await call("Page.captureScreenshot", { captureBeyondViewport: true });
  fs.writeFileSync(path.join(out, `${name}.png`), Buffer.from(data, "base64"));
}
const WIDE = `document.documentElement.scrollWidth - document.documentElement.clientWidth`;
const CONTRAST = `(() => {
  const parts = text => text.match(/[0-9.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
  const back = one => { for (; one; one = one.parentElement) {
    const found = parts(getComputedStyle(one).backgroundColor);
    if (found.length === 3 || found[3] > 0) return found; } return [255, 255, 255]; };
  let least = 99;
  for (const one of document.body.querySelectorAll("*")) {
    if (![...one.childNodes].some(n => n.nodeType === 3 && n.data.trim()) || one.closest("script,style,[hidden]")) continue;
    const [a, b] = [light(parts(getComputedStyle(one).color)), light(back(one))].sort((x, y) => y - x);
    least = Math.min(least, (a + 0.05) / (b + 0.05));
  }
  return least;
})()`;

const { targetInfos } = await call("Target.getTargets");
const page = targetInfos.find(one => one.type === "page");
session = (await call("Target.attachToTarget", { targetId: page.targetId, flatten: true })).sessionId;
for (const one of ["Page", "Runtime", "Network", "Log", "Accessibility"]) await call(`${one}.enable`);

await open(1200, 900);
await picture("wide");
told.title = await value("document.title");
told.text = await value("document.body.innerText");
told.counts = await value(`Object.fromEntries([...document.querySelectorAll(".big")].map(one => [one.id, one.innerText]))`);
told.wide = await value(WIDE);
told.contrast = [await value(CONTRAST)];
const { nodes } = await call("Accessibility.getFullAXTree");
told.roles = nodes.filter(one => !one.ignored).map(one => `${one.role?.value}: ${one.name?.value ?? ""}`);
await call("Input.dispatchKeyEvent", { type: "keyDown", key: "Tab", code: "Tab", windowsVirtualKeyCode: 9 });
told.focused = await value("document.activeElement.className");
told.refreshed = await value(`(async () => {
  document.getElementById("count-received").textContent = "old";
  window.mark = 1;
  await again();
  return [document.getElementById("count-received").textContent, window.mark];
})()`);
await open(1200, 900, [{ name: "prefers-color-scheme", value: "dark" }]);
await picture("dark");
told.contrast.push(await value(CONTRAST));
await open(400, 800);
await picture("narrow");
told.narrow = await value(WIDE);
await call("Emulation.setScriptExecutionDisabled", { value: true });
await open(400, 800);
told.unscripted = await value(`document.querySelector("noscript meta, meta[http-equiv=refresh]") !== null`);
await call("Emulation.setScriptExecutionDisabled", { value: false });
await open(1200, 900);
const before = told.errors.length;
await call("Network.emulateNetworkConditions", { offline: true, latency: 0, downloadThroughput: 0, uploadThroughput: 0 });
told.lost = await value(`(async () => { await again(); return document.getElementById("lost").innerText })()`);
await picture("lost");
told.errors.length = before; // the browser itself tells that it is offline
console.log(JSON.stringify(told));
await call("Browser.close").catch(() => {});
socket.close();
browser.kill();
await new Promise(resolve => browser.exitCode === null ? browser.on("exit", resolve) : resolve());
fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
