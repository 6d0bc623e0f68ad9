// SPDX-License-Identifier: Apache-2.0
// Command line: starts the sandbox, prints one line of JSON when ready, stops on SIGTERM.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

const USAGE = `usage: psc-sandbox --state DIR [options]
  --state DIR              keys and certificates (made at the first start)
  --port N                 first of seven ports on loopback; 0: any free ones (default 9400)
  --ciba-interval S        poll interval announced (default 5)
  --ciba-ttl S             life of a CIBA request (default 120)
  --access-ttl S           life of an access token (default 120)
  --refresh-ttl S          life of a refresh token (default 1800)
  --session-ttl S          life of a session from its login (default 14400)
  --card-ca FILE           also trust this authority for the carte CPS (may be repeated)
  --die-with-parent        stop when the process that started us is gone
  --help                   this text`;

const PARENT_CHECK_MS = 250;
const STOP_LIMIT_MS = 2000;
const TTL_OPTIONS = ['ciba-interval', 'ciba-ttl', 'access-ttl', 'refresh-ttl', 'session-ttl'];

class UsageError extends Error {}

function parse() {
  const text = { type: 'string' };
  const flag = { type: 'boolean', default: false };
  const options = {
    state: text,
    port: { ...text, default: '9400' },
    'card-ca': { ...text, multiple: true, default: [] },
    'die-with-parent': flag,
    help: flag,
    ...Object.fromEntries(TTL_OPTIONS.map((name) => [name, text])),
  };
  let values;
  try {
    ({ values } = parseArgs({ options }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  if (values.help) return values;
  if (!values.state) throw new UsageError('--state is missing');
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_529) throw new UsageError('bad --port');
  return { ...values, port };
}

function settingsOf(options) {
  return Object.fromEntries(TTL_OPTIONS.filter((name) => options[name] !== undefined)
    .map((name) => [name.replace('-', '_'), Number(options[name])]));
}

async function main() {
  const options = parse();
  if (options.help) { console.log(USAGE); return; }
  // Standard output holds the ready line alone; the provider's notices go to standard error.
  console.info = console.error;
  const { Sandbox } = await import('./sandbox.js');
  const sandbox = new Sandbox({
    state: resolve(options.state),
    settings: settingsOf(options),
    cardAuthorities: options['card-ca'].map((file) => readFileSync(file)),
  });
  const stop = () => {
    setTimeout(() => process.exit(0), STOP_LIMIT_MS); // whatever a client keeps open
    sandbox.stop().finally(() => process.exit(0));
  };
  process.once('SIGTERM', stop).once('SIGINT', stop);
  if (options['die-with-parent']) {
    const parent = process.ppid;
    const timer = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(timer);
      stop();
    }, PARENT_CHECK_MS);
  }
  process.stdout.write(`${JSON.stringify(await sandbox.start(options.port))}\n`);
}

main().catch((error) => {
  const usage = error instanceof UsageError;
  console.error(usage ? `psc-sandbox: ${error.message}\n${USAGE}` : error.stack);
  process.exit(usage ? 64 : 1);
});
