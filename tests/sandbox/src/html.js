// SPDX-License-Identifier: Apache-2.0
// The few HTML pages a person sees.
const ENTITIES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

export const escape = (text) => String(text).replace(/[&<>"']/g, (c) => ENTITIES[c]);

const STYLE = 'body{font:16px sans-serif;max-width:36em;margin:3em auto;padding:0 1em}'
  + '#digits{font-size:4em;display:block}'
  + 'button,a.button{font-size:1.2em;margin:.3em;padding:.4em 1em}';

export function pageText(title, body, refresh) {
  const again = refresh ? `<meta http-equiv="refresh" content="${refresh}">` : '';
  return '<!DOCTYPE html><html lang="fr"><head><meta charset="utf-8">'
    + `<title>${escape(title)}</title>${again}<style>${STYLE}</style></head>`
    + `<body><h1>${escape(title)}</h1>${body}</body></html>`;
}

export function page(res, title, body, { status = 200, refresh } = {}) {
  res.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  });
  res.end(pageText(title, body, refresh));
}
