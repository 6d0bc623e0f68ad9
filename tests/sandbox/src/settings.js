// SPDX-License-Identifier: Apache-2.0
// What can be changed while the sandbox runs, with its value at start. Times in seconds.
const DEFAULTS = {
  access_ttl: 120,
  id_ttl: 120,
  refresh_ttl: 1800,
  session_ttl: 14_400,
  code_ttl: 60,
  ciba_ttl: 120,
  ciba_interval: 5,
  // acr by authentication mode, as observed; null leaves the claim out.
  acr: { MOBILE: 'eidas1', CARD: 'eidas3' },
  auth_mode: { MOBILE: 'MOBILE', CARD: 'CARD' }, // the claim's value by means really used
  sub_format: 'federated', // or 'uuid'
  access_token: 'jwt', // or 'opaque'
  cnf_encoding: 'rfc8705', // or 'ans': padded base64 of the hexadecimal digest
  userinfo: 'json', // or 'jwt'
  rotate_refresh: true,
  refresh_id_token: true,
  require_eidas1: true, // refuse a request whose acr_values is not eidas1
  require_channel: true, // refuse a CIBA request without channel
  api_ttl: 14_400, // of the token of an API
  api_cnf: 'bound', // to the client's certificate; or 'none', 'other', 'nonsense'
  api_token: 'jwt', // or 'opaque'
  proxy_bearer: '', // a token that the e-Santé proxy asks of workstations; '' for none
  logout_state: true, // false: forget state on the way back from a logout
};
const ENUMS = {
  sub_format: ['federated', 'uuid'],
  access_token: ['jwt', 'opaque'],
  cnf_encoding: ['rfc8705', 'ans'],
  api_cnf: ['bound', 'none', 'other', 'nonsense'],
  api_token: ['jwt', 'opaque'],
  userinfo: ['json', 'jwt'],
};

function check(name, value) {
  if (!(name in DEFAULTS)) throw new TypeError(`unknown setting ${name}`);
  if (ENUMS[name] && !ENUMS[name].includes(value)) {
    throw new TypeError(`${name} must be one of ${ENUMS[name].join(', ')}`);
  }
  if (typeof value !== typeof DEFAULTS[name] || value === null) {
    throw new TypeError(`${name} must be of type ${typeof DEFAULTS[name]}`);
  }
  if (typeof value === 'number' && !(Number.isSafeInteger(value) && value > 0)) {
    throw new TypeError(`${name} must be a positive integer`);
  }
}

export class Settings {
  #initial;

  constructor(initial = {}) {
    this.#initial = { ...DEFAULTS };
    this.reset();
    this.change(initial);
    this.#initial = this.all();
  }

  change(values) {
    for (const [name, value] of Object.entries(values)) check(name, value);
    for (const [name, value] of Object.entries(values)) {
      this[name] = typeof value === 'object' ? { ...this[name], ...value } : value;
    }
  }

  reset() {
    Object.assign(this, structuredClone(this.#initial));
  }

  all() {
    return structuredClone({ ...this });
  }
}
