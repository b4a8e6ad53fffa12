// Writes a file of signing keys: a new one, and the first one of another file if it is named.
// usage: node new-key.mjs FILE [OLDER-FILE]
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

const [file, older] = process.argv.slice(2);
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const fresh = { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), alg: 'RS256', use: 'sig' };
const kept = older ? JSON.parse(readFileSync(older)).slice(0, 1) : [];
writeFileSync(file, JSON.stringify([fresh, ...kept]));
