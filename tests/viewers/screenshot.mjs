// Frames of a cine in a real browser, with segmentation and measurements drawn by Cornerstone3D.
//
// node screenshot.mjs FOLDER OUT FRAMES...      FOLDER has cine.dcm, report.dcm and segmentation.dcm (viewer profile);
//                                               one picture for each of FRAMES: a number from 1, "most" or "last"
//                                               measurements, or several side by side ("3,last")
//
// Needs Chromium ($CHROMIUM, else `chromium`); it draws with SwiftShader, so no graphics card is needed. The bundle is
// built below $SCRATCH, or a folder for temporary files.
import { spawn } from "child_process";
import fs from "fs";
import http from "http";
import os from "os";
import path from "path";
import { build } from "esbuild";

const [folder, out, ...wanted] = process.argv.slice(2);
const here = import.meta.dirname;
const scratch = fs.mkdtempSync(path.join(process.env.SCRATCH ?? os.tmpdir(), "viewer-"));
const modules = path.join(here, "node_modules");
const PAGE = `<!doctype html><meta charset="utf-8"><title>Cornerstone3D</title>
<style>
  body { margin: 0; background: #000; color: #ddd; font: 13px sans-serif; display: flex; }
  figure { margin: 0; width: 640px } figure > div { width: 640px; height: 640px } figcaption { padding: 5px 8px }
</style>
<body><script type="module" src="/page.js"></script><img src="/loaded.png" width="1" height="1" alt="">`;
const PIXEL = Buffer.from("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==", "base64");
const KINDS = { ".js": "text/javascript", ".dcm": "application/dicom", ".wasm": "application/wasm" };

// Parts of Node.js that the libraries name and a browser never reaches.
fs.writeFileSync(path.join(scratch, "nothing.js"), "module.exports = { EventEmitter: class {} };\n");
const builtin = ["crypto", "events", "fs", "module", "path", "url"];
const nothing = Object.fromEntries(builtin.map(name => [name, path.join(scratch, "nothing.js")]));
const common = {
  bundle: true, format: "esm", platform: "browser", target: "es2022", logLevel: "error", nodePaths: [modules],
  alias: nothing, define: { global: "globalThis" }, loader: { ".wasm": "empty" },
};
await build({ ...common, entryPoints: [path.join(here, "page.mjs")], outfile: path.join(scratch, "page.js") });
const worker = "decodeImageFrameWorker.js";
const loader = path.join(modules, "@cornerstonejs/dicom-image-loader/dist/esm", worker);
await build({ ...common, entryPoints: [loader], outfile: path.join(scratch, worker) });

let waiting = null, told = null;
function answer(request, response) {
  const name = new URL(request.url, "http://localhost").pathname;
  if (name === "/") return response.setHeader("Content-Type", "text/html").end(PAGE);
  if (name === "/loaded.png") return void (waiting = response);
  if (name === "/done") {
    const parts = [];
    request.on("data", part => parts.push(part));
    return request.on("end", () => {
      told = JSON.parse(Buffer.concat(parts));
      response.end();
      waiting?.setHeader("Content-Type", "image/png").end(PIXEL);
    });
  }
  const kind = path.extname(name);
  const file = path.join(kind === ".dcm" ? folder : scratch, path.basename(name));
  if (!fs.existsSync(file)) return response.writeHead(404).end();
  response.setHeader("Content-Type", KINDS[kind] ?? "application/octet-stream");
  fs.createReadStream(file).pipe(response);
}
const server = http.createServer(answer);
await new Promise(resolve => server.listen(0, "127.0.0.1", resolve));

function shoot(frames, picture) {
  const width = 640 * frames.split(",").length;
  const browser = spawn(process.env.CHROMIUM ?? "chromium", [
    "--headless=new", "--no-sandbox", "--hide-scrollbars", "--disable-dev-shm-usage", "--no-first-run",
    "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    `--user-data-dir=${path.join(scratch, "profile")}`, `--window-size=${width},666`, `--screenshot=${picture}`,
    `http://127.0.0.1:${server.address().port}/?frames=${frames}`,
  ], { stdio: process.env.VERBOSE ? "inherit" : "ignore" });
  return new Promise(resolve => browser.on("exit", resolve));
}

let failed = false;
for (const frames of wanted) {
  told = null;
  const picture = path.join(out, `cornerstone3d_${frames.replaceAll(",", "_")}.png`);
  await shoot(frames, picture);
  for (const one of told ?? [{ error: "the browser told nothing" }]) {
    console.log(JSON.stringify(one));
    failed ||= Boolean(one.error) || one.asked !== one.shown;
  }
  failed ||= !fs.existsSync(picture);
}
server.close();
fs.rmSync(scratch, { recursive: true, force: true });
process.exit(failed ? 1 : 0);
