// SPDX-License-Identifier: Apache-2.0
// The e-CPS phone (channel MOBILE) and CPS-Gestion on a workstation (channel CARD): requests
// arrive, a person answers. On the phone one picks, among three values, the one that the
// workstation shows; CPS-Gestion asks for the card instead.
import { randomInt, randomUUID } from 'node:crypto';

const MAX_HISTORY = 10_000;

export const twoDigits = () => String(randomInt(100)).padStart(2, '0');

function threeChoices(right) {
  const others = new Set();
  while (others.size < 2) {
    const value = twoDigits();
    if (value !== right) others.add(value);
  }
  const choices = [...others];
  choices.splice(randomInt(3), 0, right);
  return choices;
}

export class Phone {
  #requests = []; #timers = new Set(); #auto = { on: false };

  // onDecision(approved) is called once, unless the request is never answered.
  push({ kind, login, client, channel, digits, ttl, onDecision }) {
    const request = {
      id: randomUUID(),
      kind,
      login,
      client,
      channel,
      binding_message: digits,
      choices: channel === 'MOBILE' ? threeChoices(digits) : [],
      at: Date.now(),
      expires_at: Date.now() + ttl * 1000,
      decision: null,
    };
    if (this.#requests.length >= MAX_HISTORY) this.#requests.shift();
    this.#requests.push({ ...request, onDecision });
    if (this.#auto.on) this.#answerLater(request.id);
    return request.id;
  }

  #answerLater(id) {
    const { answer, delay_ms: delay } = this.#auto;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      const request = this.#find({ id });
      if (!request) return;
      const wrong = request.choices.find((value) => value !== request.binding_message);
      if (answer === 'right') this.#settle(request, true);
      else if (answer === 'wrong' && wrong) this.decide({ id, number: wrong });
      else this.#settle(request, false);
    }, delay);
    this.#timers.add(timer);
  }

  #find({ id, login }) {
    return this.#requests.find((request) => (
      request.decision === null && request.expires_at > Date.now()
      && (id === undefined || request.id === id)
      && (login === undefined || request.login === login)));
  }

  async #settle(request, approved) {
    request.decision = approved ? 'approved' : 'denied';
    try {
      await request.onDecision?.(approved);
    } catch (error) { // the request is gone, after a reset for example
      request.decision = 'failed';
      console.error(`e-CPS answer not delivered: ${error.message}`);
    }
    return { id: request.id, decision: request.decision };
  }

  // number answers a MOBILE request, accept a CARD one; refuse suits both. Without id or login
  // the oldest pending request is meant. Undefined when there is none.
  async decide({ id, login, number, accept = false, refuse = false }) {
    const request = this.#find({ id, login });
    if (!request) return undefined;
    if (refuse) return this.#settle(request, false);
    const right = request.channel === 'MOBILE'
      ? number !== undefined && String(number).padStart(2, '0') === request.binding_message
      : accept === true;
    return this.#settle(request, right);
  }

  auto({ on = true, delay_ms: delay = 0, answer = 'right' } = {}) {
    if (!['right', 'wrong', 'refuse'].includes(answer)) throw new TypeError('bad answer');
    if (!Number.isFinite(delay) || delay < 0) throw new TypeError('bad delay_ms');
    this.#auto = { on, delay_ms: delay, answer };
    if (on) this.pending().forEach(({ id }) => this.#answerLater(id));
    return this.#auto;
  }

  pending() {
    return this.history().filter(({ decision, expires_at: end }) => (
      decision === null && end > Date.now()));
  }

  history() { return this.#requests.map(({ onDecision, ...request }) => request); }

  reset() {
    this.#timers.forEach(clearTimeout);
    this.#timers.clear();
    this.#requests = [];
    this.#auto = { on: false };
  }
}
