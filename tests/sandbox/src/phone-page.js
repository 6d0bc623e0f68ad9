// SPDX-License-Identifier: Apache-2.0
// The e-CPS phone as a page, for a developer who plays the health professional by hand.
import { escape, page } from './html.js';

const hidden = (name, value) => `<input type="hidden" name="${name}" value="${escape(value)}">`;

const button = (id, fields, label) => `<form method="post" action="/ecps/decide"
style="display:inline">${hidden('id', id)}${fields}<button>${escape(label)}</button></form>`;

function request({ id, login, client, channel, choices }) {
  const answers = channel === 'MOBILE'
    ? choices.map((value) => button(id, hidden('number', value), value)).join('')
    : button(id, hidden('accept', 'true'), 'Insérer la carte et saisir le code');
  return `<section><p><b>${escape(client)}</b> demande l'authentification de ${escape(login)}
(${escape(channel)})</p>${answers}${button(id, hidden('refuse', 'true'), 'Refuser')}</section>`;
}

export function phonePage(res, phone) {
  const pending = phone.pending();
  page(res, 'e-CPS (bac à sable)', pending.length
    ? pending.map(request).join('<hr>') : '<p>Aucune demande en attente.</p>', { refresh: 2 });
}
