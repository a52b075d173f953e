// Takes the key of the official TypeScript SDK (1.x) from keyreeve, which hands out one that ends by itself.
//
// The SDK asks again about two minutes before the end, and after a 401. Needs `keyreeve serve` and a profile:
// `keyreeve credential --json` prints {"token", "base_url", "expires_at_unix", ...}. It is TypeScript as it stands: rename
// it to .mts where your tools want that.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import Anthropic from "@anthropic-ai/sdk";

const run = promisify(execFile);

async function handed() {
  const { stdout } = await run("keyreeve", ["credential", "--json"], { timeout: 10_000 });
  return JSON.parse(stdout);
}

async function provider() {
  const { token, expires_at_unix } = await handed();
  return { token, expiresAt: expires_at_unix };
}

const client = new Anthropic({ credentials: provider, baseURL: (await handed()).base_url });
const message = await client.messages.create({
  model: "claude-haiku-5-5",
  max_tokens: 64,
  messages: [{ role: "user", content: "Say hello." }],
});
const [first] = message.content;
console.log(first?.type === "text" ? first.text : message);
