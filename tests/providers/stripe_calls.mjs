// SPDX-License-Identifier: Apache-2.0
//
// stripe_calls - Stripe's own package, for the scenarios: it makes the calls that the shop made, and signs
// webhooks.  One line of JSON on standard input a task, one line on standard output its answer:
//
//   {"do": "calls", "key", "url", "version", "calls": [{"what", "params"?, "id"?, "idempotencyKey"?}]}
//   {"do": "sign", "secret", "bodies": [text], "timestamps": [unix time]}
import readline from 'node:readline';

import Stripe from 'stripe';

const made = {
  session: (s, c, o) => s.checkout.sessions.create(c.params, o),
  sessionOf: (s, c) => s.checkout.sessions.retrieve(c.id),
  expire: (s, c, o) => s.checkout.sessions.expire(c.id, {}, o),
  intent: (s, c, o) => s.paymentIntents.create(c.params, o),
  intentOf: (s, c) => s.paymentIntents.retrieve(c.id),
  intents: (s, c) => s.paymentIntents.list(c.params),
  refund: (s, c, o) => s.refunds.create(c.params, o),
  refundOf: (s, c) => s.refunds.retrieve(c.id),
  refunds: (s, c) => s.refunds.list(c.params),
};

async function calls(task) {
  const url = new URL(task.url);
  const stripe = new Stripe(task.key, {
    apiVersion: task.version, host: url.hostname, port: url.port, protocol: 'http', maxNetworkRetries: 0, telemetry: false,
  });
  const answers = [];
  for (const call of task.calls) {
    const options = call.idempotencyKey ? { idempotencyKey: call.idempotencyKey } : {};
    try {
      answers.push({ id: (await made[call.what](stripe, call, options)).id });
    } catch (error) {
      answers.push({ error: error.code ?? error.message });
    }
  }
  return answers;
}

function sign(task) {
  return task.bodies.map((payload, i) =>
    Stripe.webhooks.generateTestHeaderString({ payload, secret: task.secret, timestamp: task.timestamps[i] }));
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const task = JSON.parse(line);
  process.stdout.write(`${JSON.stringify(await (task.do === 'sign' ? sign(task) : calls(task)))}\n`);
}
