// SPDX-License-Identifier: Apache-2.0
// The HTTPS listeners, on loopback addresses only. A plain TCP server stands before each TLS
// server: it can refuse, stall or reset, and knows the raw sockets.
import { createServer as createHttpsServer } from 'node:https';
import { createServer as createTcpServer } from 'node:net';

const OUTAGES = ['none', 'refuse', 'stall', 'reset'];
export const CERTIFICATES = ['server', 'wrongname', 'expired', 'otherca', 'selfsigned'];
const OFFSETS = { auth: 0, wallet: 1, mtls: 2, cps: 3, proxy: 5, api: 6 };
const HOSTS = ['127.0.0.1', '::1'];

function listen(server, host, port) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve(server.address().port);
    });
  });
}

// The same for a TCP socket and for the TLS socket over it.
const peerOf = ({ remoteAddress, remotePort }) => `${remoteAddress} ${remotePort}`;

class Listener {
  #tcp = []; #sockets = new Map(); #outage = 'none';

  constructor(tlsOptions, handler) {
    this.tlsOptions = tlsOptions;
    this.https = createHttpsServer(tlsOptions, (req, res) => {
      const raw = this.#sockets.get(peerOf(req.socket));
      handler(req, res, () => raw?.resetAndDestroy());
    });
    this.https.on('tlsClientError', () => {}); // clients that refuse our certificate, mostly
  }

  #accept(socket) {
    const peer = peerOf(socket);
    socket.on('error', () => {});
    socket.setNoDelay(true); // else each new connection waits 40 ms for a delayed acknowledgement
    if (this.#outage === 'reset') { socket.resetAndDestroy(); return; }
    this.#sockets.set(peer, socket);
    socket.on('close', () => this.#sockets.delete(peer));
    if (this.#outage !== 'stall') this.https.emit('connection', socket);
  }

  // ::1 is wanted because localhost may resolve to it, but a machine without IPv6 is fine.
  async open(port) {
    this.port = port;
    for (const host of HOSTS) {
      const server = createTcpServer((socket) => this.#accept(socket));
      try {
        this.port = await listen(server, host, this.port);
        this.#tcp.push(server);
      } catch (error) {
        if (host !== '::1') throw error;
      }
    }
    return this.port;
  }

  async close() {
    const servers = this.#tcp.splice(0);
    const closed = servers.map((server) => new Promise((resolve) => { server.close(resolve); }));
    this.dropConnections();
    await Promise.all(closed);
  }

  dropConnections() {
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  async setOutage(outage) {
    this.#outage = outage;
    if (outage === 'refuse') await this.close();
    else if (this.#tcp.length === 0) await this.open(this.port);
    this.dropConnections();
  }

  setTls(changes) {
    this.https.setSecureContext({ ...this.tlsOptions, ...changes });
    this.dropConnections();
  }
}

export class Listeners {
  #byName = {};

  constructor(pki, cardAuthorities, handler) {
    const server = pki.pair('server');
    const client = { requestCert: true, rejectUnauthorized: false };
    const options = {
      auth: server,
      wallet: server,
      mtls: { ...server, ...client, ca: [pki.read('ca.pem')] },
      proxy: { ...server, ...client, ca: [pki.read('ca.pem')] },
      api: { ...server, ...client, ca: [pki.read('ca.pem')] },
      // A CPS3 signs PKCS#1 only: no TLS 1.3, no RSA-PSS.
      cps: {
        ...server, ...client, ca: cardAuthorities, maxVersion: 'TLSv1.2',
        sigalgs: 'ECDSA+SHA256:RSA+SHA256:RSA+SHA384:RSA+SHA512',
      },
    };
    this.pki = pki;
    for (const [name, tlsOptions] of Object.entries(options)) {
      this.#byName[name] = new Listener(tlsOptions, (req, res, resetConnection) => {
        handler(req, res, { listener: name, resetConnection });
      });
    }
  }

  // Ports base to base+3 and, after the control's, base+5 and base+6; any free ones when base is 0. By name.
  async open(base) {
    const ports = {};
    for (const [name, offset] of Object.entries(OFFSETS)) {
      ports[name] = await this.#byName[name].open(base && base + offset);
    }
    return ports;
  }

  #all() { return Object.values(this.#byName); }

  async setOutage(mode) {
    if (!OUTAGES.includes(mode)) throw new TypeError(`mode must be one of ${OUTAGES.join(', ')}`);
    await Promise.all(this.#all().map((listener) => listener.setOutage(mode)));
  }

  setTls({ cert = 'server', min = 'TLSv1.2', max = 'TLSv1.3' }) {
    if (!CERTIFICATES.includes(cert)) {
      throw new TypeError(`cert must be one of ${CERTIFICATES.join(', ')}`);
    }
    const pair = this.pki.pair(cert === 'server' ? cert : `server-${cert}`);
    for (const listener of this.#all()) {
      const { maxVersion = max } = listener.tlsOptions;
      listener.setTls({ ...pair, minVersion: min, maxVersion });
    }
  }

  async reset() {
    this.setTls({});
    await this.setOutage('none');
  }

  async close() {
    await Promise.all(this.#all().map((listener) => listener.close()));
  }
}
