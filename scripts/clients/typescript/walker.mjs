// A browser without JavaScript: follows redirects, keeps cookies, fills in and sends forms.
//
// Walks from an authorization URL to the redirect that carries the code, as a person would who
// approves the client and logs in. Also a command: `node walker.mjs URL REDIRECT_URI [--open]`.

import { fileURLToPath } from 'node:url';

import { parse } from 'node-html-parser';
import { CookieJar } from 'tough-cookie';

/** The most pages that a login may take. */
const MAX_STEPS = 15;

/** What the button says or sends that agrees to something. */
const AGREES = /approve|allow|accept|authori[sz]e|continue/i;

/**
 * Walks until the server redirects to `redirectUri`, and returns that whole address.
 * It is not fetched: the caller is the client that listens there.
 */
export async function walk(start, redirectUri, person = demoPerson()) {
  const jar = new CookieJar();
  let request = { method: 'GET', url: new URL(start) };
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const response = await send(jar, request);
    const location = response.headers.get('location');
    if (response.status >= 300 && response.status < 400 && location) {
      const next = new URL(location, request.url);
      if (`${next.origin}${next.pathname}` === redirectUri) return next;
      request = { method: 'GET', url: next };
      continue;
    }
    const html = await response.text();
    request = answer(html, request.url, person);
    if (!request) throw new Error(`stuck at ${response.status} ${response.url}: ${plain(html)}`);
  }
  throw new Error(`no redirect to ${redirectUri} after ${MAX_STEPS} steps; last at ${request.url}`);
}

/** The account to log in with. */
export function demoPerson(env = process.env) {
  const username = env.DEMO_USERNAME ?? 'alice';
  return { username, login: username, password: env.DEMO_PASSWORD ?? 'wonderland' };
}

async function send(jar, { method, url, body }) {
  const headers = { accept: 'text/html', cookie: await jar.getCookieString(url.href) };
  // A browser names the page's origin with every form that it posts.
  if (body) headers.origin = url.origin;
  const signal = AbortSignal.timeout(10_000);
  const response = await fetch(url, { method, headers, body, redirect: 'manual', signal });
  for (const cookie of response.headers.getSetCookie()) await jar.setCookie(cookie, url.href);
  return response;
}

/** The request that a person makes from this page, if there is one. */
function answer(html, url, person) {
  const page = parse(html);
  const forms = page.querySelectorAll('form');
  const login = forms.find((form) => form.querySelector('input[type=password], input[name=login]'));
  if (login) return submit(login, buttons(login)[0], url, person);
  for (const form of forms) {
    const agrees = buttons(form).find((each) => AGREES.test(said(each)));
    if (agrees) return submit(form, agrees, url, {});
  }
  return undefined;
}

function buttons(form) {
  return form.querySelectorAll('button, input[type=submit]');
}

function said(element) {
  return [element.text, element.getAttribute('value'), element.getAttribute('name')].join(' ');
}

function submit(form, pressed, url, typed) {
  const fields = new URLSearchParams();
  for (const input of form.querySelectorAll('input[name]')) {
    const name = input.getAttribute('name');
    const type = input.getAttribute('type') ?? 'text';
    if (['submit', 'button', 'image', 'reset', 'file'].includes(type)) continue;
    const value = input.getAttribute('value') ?? '';
    if (type === 'radio' && typed[name] !== undefined && typed[name] !== value) continue;
    const picked = type === 'radio' && typed[name] === value;
    if (['checkbox', 'radio'].includes(type) && !picked && !input.hasAttribute('checked')) continue;
    fields.append(name, typed[name] ?? value);
  }
  if (pressed?.getAttribute('name')) {
    fields.append(pressed.getAttribute('name'), pressed.getAttribute('value') ?? '');
  }
  const action = new URL(pressed?.getAttribute('formaction') ?? form.getAttribute('action') ?? '', url);
  const method = (form.getAttribute('method') ?? 'get').toUpperCase();
  if (method === 'POST') return { method, url: action, body: fields };
  action.search = fields.toString();
  return { method: 'GET', url: action };
}

function plain(html) {
  return parse(html).text.replace(/\s+/g, ' ').trim().slice(0, 300);
}

async function main([start, redirectUri, open]) {
  if (!start || !redirectUri || start === '--help') {
    console.log('usage: node walker.mjs AUTHORIZATION_URL REDIRECT_URI [--open]');
    console.log('Approves, logs in (DEMO_USERNAME, DEMO_PASSWORD), prints where the code was sent.');
    console.log('--open also fetches it, as a browser does.');
    process.exit(start === '--help' ? 0 : 2);
  }
  const callback = await walk(start, redirectUri);
  if (open === '--open') await fetch(callback, { signal: AbortSignal.timeout(10_000) });
  console.log(callback.href);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main(process.argv.slice(2));
