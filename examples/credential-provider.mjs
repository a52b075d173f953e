// Gives the official TypeScript SDK (1.x) temporary keys from keyreeve.
//
// The SDK requests a new key about 2 minutes before the current one expires, and after a 401. Needs `keyreeve serve` and a
// profile: `keyreeve credential --json` prints {"token", "base_url", "expires_at_unix", ...}. This file is also valid
// TypeScript: rename it to .mts if your tools need that.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import Anthropic from "@anthropic-ai/sdk";

const run = promisify(execFile);

async function credential() {
  const { stdout } = await run("keyreeve", ["credential", "--json"], { timeout: 10_000 });
  return JSON.parse(stdout);
}

async function provider() {
  const { token, expires_at_unix } = await credential();
  return { token, expiresAt: expires_at_unix };
}

const client = new Anthropic({ credentials: provider, baseURL: (await credential()).base_url });
const message = await client.messages.create({
  model: "claude-haiku-5-5",
  max_tokens: 64,
  messages: [{ role: "user", content: "Say hello." }],
});
const [first] = message.content;
console.log(first?.type === "text" ? first.text : message);
