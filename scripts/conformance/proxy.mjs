// A proxy between the conformance suite, which can neither log in nor be balanced, and the servers:
// adds the bearer token to every request and hands request after request to the next upstream.
//
// usage: TOKEN=… node proxy.mjs PORT UPSTREAM_PORT… – prints how many requests each upstream got when
// it is told to end.
//
// It reads the head of a request as bytes and changes nothing else in it: the suite sends values with
// white space around them, which a parser of headers would take away. A connection carries one
// request, so that the next one goes to the next upstream.

import net from 'node:net';

const [port, ...upstreams] = process.argv.slice(2).map(Number);
const END_OF_HEAD = Buffer.from('\r\n\r\n');
const MOST_HEAD = 64 * 1024;
const served = upstreams.map(() => 0);
let next = 0;

net.createServer({ allowHalfOpen: true }, accept).listen(port, '127.0.0.1');

process.on('SIGTERM', () => {
  console.log(JSON.stringify(served));
  process.exit(0);
});

function accept(client) {
  let read = Buffer.alloc(0);
  client.on('error', () => client.destroy());
  client.on('data', function head(bytes) {
    read = Buffer.concat([read, bytes]);
    const end = read.indexOf(END_OF_HEAD);
    if (end < 0) {
      if (read.length > MOST_HEAD) client.destroy();
      return;
    }
    client.pause();
    client.off('data', head);
    forward(client, read.subarray(0, end), read.subarray(end));
  });
}

function forward(client, head, rest) {
  const turn = next;
  next = (next + 1) % upstreams.length;
  served[turn] += 1;
  const upstream = net.connect({ port: upstreams[turn], host: '127.0.0.1', allowHalfOpen: true });
  // Latin-1 is the one reading that gives every byte back.
  const lines = head.toString('latin1').split('\r\n').filter((line) => !/^connection:/i.test(line));
  lines.push('Connection: close');
  if (process.env.TOKEN) lines.push(`Authorization: Bearer ${process.env.TOKEN}`);
  upstream.write(Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), rest]));
  client.pipe(upstream);
  upstream.pipe(client);
  // Whoever leaves takes the other side along: a disconnect is a cancellation.
  upstream.on('error', () => client.destroy());
  upstream.on('close', () => client.destroy());
  client.on('close', () => upstream.destroy());
}
