// Asks for one message with whatever credential the official TypeScript SDK finds by itself. The SDK's folder is given.

const Anthropic = require(require.resolve("@anthropic-ai/sdk", { paths: [process.argv[2]] }));

async function once() {
  const client = new (Anthropic.default ?? Anthropic)({ maxRetries: 0, timeout: 10000 });
  await client.messages.create({
    model: "claude-opus-5-5",
    max_tokens: 8,
    messages: [{ role: "user", content: "hi" }],
  });
  console.log("answered");
}

once().catch((error) => {
  console.error(`${error.name}: ${error.message}`);
  process.exitCode = 1;
});
