// Requests one message with the credential that the official TypeScript SDK finds by itself. The argument is the SDK's
// directory.

const Anthropic = require(require.resolve("@anthropic-ai/sdk", { paths: [process.argv[2]] }));

async function main() {
  const client = new (Anthropic.default ?? Anthropic)({ maxRetries: 0, timeout: 10000 });
  await client.messages.create({
    model: "claude-opus-5-5",
    max_tokens: 8,
    messages: [{ role: "user", content: "hi" }],
  });
  console.log("success");
}

main().catch((error) => {
  console.error(`${error.name}: ${error.message}`);
  process.exitCode = 1;
});
