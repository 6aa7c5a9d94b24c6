// SPDX-License-Identifier: Apache-2.0
//
// providers - two providers of identity on loopback for the scenarios: oidc-provider (a real
// one: authorization code flow with PKCE, rotating keys) and oauth2-mock-server (signs any claims).
//
// One line of JSON on standard output says where they are; ends with its standard input.
// Both serve their keys through a door here, so that a test can count, delay or break them:
//
//   POST <control>/mode    {"mode": "ok" | "down" | "slow" | "garbage" | "error"}
//   GET  <control>/asked   how often the keys were asked for
//   POST <control>/rotate  {"keep": bool}: the real provider signs with new keys from now on
//   POST <control>/sign-in {"client", "account", "nonce"?}: an ID token out of the whole flow
//   POST <control>/build   {"header"?, "claims"?, "kid"?}: one of the mock's; null takes away
import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';

import { exportJWK, generateKeyPair } from 'jose';
import { OAuth2Server } from 'oauth2-mock-server';
import { Provider } from 'oidc-provider';

console.warn = console.info = console.log = console.error;

let mode = 'ok';
let asked = 0;

const accounts = {
  ana: { email: 'ana.real@example.com', name: 'Ana Lee', given_name: 'Ana', family_name: 'Lee' },
  ben: { email: 'ben.real@example.com', name: 'Ben Oak', given_name: 'Ben', family_name: 'Oak' },
  eve: { email: 'eve.real@example.com', email_verified: false },
};

async function newKeys() {
  const keys = [];
  for (const alg of ['RS256', 'ES256']) {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    keys.push({ ...(await exportJWK(privateKey)), alg, use: 'sig', kid: randomBytes(8).toString('hex') });
  }
  return keys;
}

function listen(handler) {
  const server = http.createServer(handler);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve(`http://127.0.0.1:${server.address().port}`));
  });
}

// --- the real one

const redirect = 'http://127.0.0.1/cb';
let provider;
let callback;
let keys = await newKeys();

function makeProvider(issuer) {
  provider = new Provider(issuer, {
    clients: ['RS256', 'ES256'].map((alg) => ({
      client_id: `shop-${alg}`,
      redirect_uris: [redirect],
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      id_token_signed_response_alg: alg,
    })),
    jwks: { keys },
    cookies: { keys: [randomBytes(16).toString('hex')] },
    claims: { openid: ['sub'], email: ['email', 'email_verified'], profile: ['name', 'given_name', 'family_name', 'picture'] },
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: `real-${id}`, email_verified: true, picture: `https://pictures.example/${id}.jpg`, ...accounts[id] }),
    }),
  });
  callback = provider.callback();
}

// Signs in and consents at once, as whom the client hinted at.
async function interact(req, res) {
  const { prompt, params, session } = await provider.interactionDetails(req, res);
  if (prompt.name === 'login') {
    await provider.interactionFinished(req, res, { login: { accountId: params.login_hint } });
    return;
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope('openid email profile');
  await provider.interactionFinished(req, res, { consent: { grantId: await grant.save() } },
    { mergeWithLastSubmission: true });
}

const issuer = await listen((req, res) => {
  if (req.url.startsWith('/interaction/'))
    interact(req, res).catch((e) => { console.error(e); res.destroy(); });
  else
    callback(req, res);
});
makeProvider(issuer);

// The whole of the authorization code flow with PKCE, as a browser and a client make it.
async function signIn({ client, account, nonce }) {
  const jar = new Map();
  const verifier = randomBytes(32).toString('base64url');
  const query = new URLSearchParams({
    client_id: client, response_type: 'code', scope: 'openid email profile', redirect_uri: redirect,
    login_hint: account, code_challenge_method: 'S256', prompt: 'consent',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    ...(nonce ? { nonce } : {}),
  });
  let url = `${issuer}/auth?${query}`;
  for (let i = 0; i < 12; i++) {
    const cookie = [...jar].map(([k, v]) => `${k}=${v}`).join('; ');
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie } });
    for (const c of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(c);
      jar.set(name, value);
    }
    const location = answer.headers.get('location');
    if (!location)
      throw new Error(`no redirect: ${answer.status} ${await answer.text()}`);
    url = new URL(location, url).href;
    if (url.startsWith(redirect))
      break;
  }
  const code = new URL(url).searchParams.get('code');
  if (!code)
    throw new Error(`no code: ${url}`);
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'authorization_code', code, client_id: client, redirect_uri: redirect, code_verifier: verifier }),
  });
  const body = await answer.json();
  if (!body.id_token)
    throw new Error(JSON.stringify(body));
  return body.id_token;
}

// --- the one that signs anything

const mock = new OAuth2Server();
await mock.issuer.keys.generate('RS256', { kid: 'mock-rs' });
await mock.issuer.keys.generate('ES256', { kid: 'mock-es' });
await mock.start(0, '127.0.0.1');

function change(object, changes) {
  for (const [name, value] of Object.entries(changes ?? {})) {
    if (value === null)
      delete object[name];
    else
      object[name] = value;
  }
}

const build = ({ header, claims, kid }) => mock.issuer.buildToken({
  kid: kid ?? 'mock-rs',
  scopesOrTransform: (h, payload) => { change(h, header); change(payload, claims); },
});

// --- the door to the keys, and the controls

async function serveKeys(from, res) {
  asked++;
  if (mode === 'down') {
    res.destroy();
    return;
  }
  if (mode === 'slow')
    await new Promise((resolve) => { setTimeout(resolve, 60000).unref(); });
  if (mode === 'error')
    res.statusCode = 500;
  res.setHeader('content-type', 'application/json');
  res.setHeader('cache-control', 'public, max-age=19800');
  res.end(mode === 'garbage' ? '<html>sorry</html>' : await (await fetch(from)).text());
}

async function control(req, res) {
  let text = '';
  for await (const piece of req)
    text += piece;
  const body = text ? JSON.parse(text) : {};
  const answers = {
    '/mode': () => { mode = body.mode; return {}; },
    '/asked': () => ({ asked }),
    '/rotate': async () => {
      keys = body.keep ? [...await newKeys(), ...keys] : await newKeys();
      makeProvider(issuer);
      return {};
    },
    '/sign-in': async () => ({ token: await signIn(body) }),
    '/build': async () => ({ token: await build(body) }),
  };
  if (req.url === '/keys/real')
    await serveKeys(`${issuer}/jwks`, res);
  else if (req.url === '/keys/mock')
    await serveKeys(`${mock.issuer.url}/jwks`, res);
  else
    res.end(JSON.stringify(await answers[req.url]()));
}

const door = await listen((req, res) => {
  control(req, res).catch((e) => { console.error(e); res.statusCode = 500; res.end('{}'); });
});

process.stdout.write(`${JSON.stringify({ control: door, issuer, mock: mock.issuer.url })}\n`);
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
