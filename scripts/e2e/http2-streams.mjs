// A hundred calls that stream, at once, over one connection of HTTP/2 without TLS.
//
// usage: TOKEN=… node http2-streams.mjs URL
//
// curl cannot: it gives up on parallel transfers with --http2-prior-knowledge.

import { connect } from "node:http2";

const STREAMS = 100;
const url = new URL(process.argv[2]);

const message = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "tools/call",
  params: {
    name: "long-running-operation",
    arguments: { duration: 0.5, steps: 2 },
    _meta: {
      progressToken: "p",
      "io.modelcontextprotocol/protocolVersion": "2026-07-28",
      "io.modelcontextprotocol/clientInfo": { name: "http2-streams", version: "1" },
      "io.modelcontextprotocol/clientCapabilities": {},
    },
  },
});

const headers = {
  ":method": "POST",
  ":path": url.pathname,
  authorization: `Bearer ${process.env.TOKEN}`,
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
  "mcp-protocol-version": "2026-07-28",
  "mcp-method": "tools/call",
  "mcp-name": "long-running-operation",
};

// The status, the type and the whole body of one call.
function call(connection) {
  return new Promise((resolve, reject) => {
    const stream = connection.request(headers);
    let head = {};
    let body = "";
    stream.setEncoding("utf8");
    stream.on("response", (received) => (head = received));
    stream.on("data", (chunk) => (body += chunk));
    stream.on("end", () => resolve({ status: head[":status"], type: head["content-type"], body }));
    stream.on("error", reject);
    stream.end(message);
  });
}

const connection = connect(url.origin);
connection.on("error", (error) => console.error(error.message));
setTimeout(() => connection.destroy(new Error("no end within 60 seconds")), 60_000).unref();
const answers = await Promise.allSettled(Array.from({ length: STREAMS }, () => call(connection)));
connection.close();

const whole = answers.filter(
  ({ value }) =>
    value?.status === 200 &&
    value.type.startsWith("text/event-stream") &&
    value.body.includes('"progress":2') &&
    value.body.includes('"result"'),
);
console.log(`${whole.length} of ${STREAMS} streams came whole over one connection`);
process.exit(whole.length === STREAMS ? 0 : 1);
