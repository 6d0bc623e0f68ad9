// SPDX-License-Identifier: Apache-2.0
// The test certificates, made once in the state directory: server, clients, carte CPS.
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { PEOPLE_WITH_CARDS } from './accounts.js';
import { issueCertificate } from './x509.js';

const FORMAT = 1; // raise it when the set of files changes: older directories are then remade
const DAY = 86_400_000;
const LIFETIME = 730 * DAY;
const RENEW_AFTER = 300 * DAY;

export const MTLS_SUBJECT = [['C', 'FR'], ['O', 'CABINET FICTIF DES TILLEULS'],
  ['OU', '318751275100020'], ['CN', 'sandbox-auth-cli']];
const HOSTS = ['localhost', '127.0.0.1', '::1'];

export const cardFileName = (id) => `cps-${id.replace('/', '_')}`;

function writeAtomically(path, content, mode) {
  writeFileSync(`${path}.new`, content, { mode });
  chmodSync(`${path}.new`, mode); // whatever the umask
  renameSync(`${path}.new`, path);
}

export class Pki {
  constructor(directory) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true }); // others may read ca.pem; each key is 0600
    if (!this.#isCurrent()) this.#make();
  }

  path(name) { return join(this.directory, name); }

  read(name) { return readFileSync(this.path(name)); }

  #isCurrent() {
    if (!existsSync(this.path('pki.json'))) return false;
    const { format, made } = JSON.parse(this.read('pki.json'));
    return format === FORMAT && Date.now() - made < RENEW_AFTER;
  }

  #save(name, content, mode = 0o644) { writeAtomically(this.path(name), content, mode); }

  #newKey(name, rsa = false) {
    const { privateKey } = rsa
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#save(`${name}.key`, privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600);
    return privateKey;
  }

  #authority(name, commonName) {
    const key = this.#newKey(name);
    const subject = [['C', 'FR'], ['O', 'TEST'], ['CN', commonName]];
    this.#issue(name, { subject, key, issuer: { subject, key }, ca: true });
    return { subject, key };
  }

  #issue(name, { subject, key = this.#newKey(name), issuer, from = -DAY, to = LIFETIME, ...rest }) {
    const now = Date.now();
    this.#save(`${name}.pem`, issueCertificate({
      subject, key, issuer: issuer.subject, issuerKey: issuer.key,
      notBefore: new Date(now + from), notAfter: new Date(now + to), ...rest,
    }));
  }

  #makeServers(ca, otherCa) {
    const usage = 'serverAuth';
    const subject = [['C', 'FR'], ['O', 'TEST'], ['CN', 'localhost']];
    this.#issue('server', { subject, issuer: ca, usage, san: HOSTS });
    this.#issue('server-wrongname', { subject, issuer: ca, usage, san: ['wrong.example.test'] });
    this.#issue('server-expired', {
      subject, issuer: ca, usage, san: HOSTS, from: -30 * DAY, to: -DAY,
    });
    this.#issue('server-otherca', { subject, issuer: otherCa, usage, san: HOSTS });
    const key = this.#newKey('server-selfsigned');
    this.#issue('server-selfsigned', { subject, key, issuer: { subject, key }, usage, san: HOSTS });
  }

  #makeCards(cardCa, otherCa) {
    const holder = ({ id, title, given, family }) => [['C', 'FR'], ['title', title],
      [['CN', id], ['SN', family], ['GN', given]]];
    const usage = 'clientAuth';
    for (const person of PEOPLE_WITH_CARDS) {
      const key = this.#newKey(cardFileName(person.id), true);
      this.#issue(cardFileName(person.id), { subject: holder(person), key, issuer: cardCa, usage });
    }
    const [first] = PEOPLE_WITH_CARDS;
    this.#issue('cps-expired', {
      subject: holder(first), issuer: cardCa, usage, from: -30 * DAY, to: -DAY,
    });
    this.#issue('cps-otherca', { subject: holder(first), issuer: otherCa, usage });
  }

  #make() {
    const ca = this.#authority('ca', 'PSC sandbox TEST server CA');
    const cardCa = this.#authority('card-ca', 'PSC sandbox TEST card CA');
    const otherCa = this.#authority('other-ca', 'PSC sandbox TEST untrusted CA');
    this.#makeServers(ca, otherCa);
    this.#makeCards(cardCa, otherCa);
    this.#issue('client-mtls', { subject: MTLS_SUBJECT, issuer: ca, usage: 'clientAuth' });
    this.#issue('client-mtls-otherca', {
      subject: MTLS_SUBJECT, issuer: otherCa, usage: 'clientAuth',
    });
    this.#newKey('client-jwt', true);
    this.#newKey('signing', true);
    this.#newKey('encryption', true);
    this.#save('pki.json', `${JSON.stringify({ format: FORMAT, made: Date.now() })}\n`);
  }

  privateKey(name) { return createPrivateKey(this.read(`${name}.key`)); }

  pair(name) { return { cert: this.read(`${name}.pem`), key: this.read(`${name}.key`) }; }
}
