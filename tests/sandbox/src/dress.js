// SPDX-License-Identifier: Apache-2.0
// Runs behind every answer of the provider: makes it PSC's, then applies the faults that act on a
// finished answer.
import { discoveryDocument } from './discovery.js';
import { spoilJwks } from './key-faults.js';
import { TRANSPORT } from './transport.js';

function dressDocuments(ctx, { route, urls, keys }) {
  if (route.name === 'discovery') {
    ctx.body = discoveryDocument(urls, { wallet: route.wallet });
    // As Keycloak sends it.
    ctx.set('cache-control', 'no-cache, must-revalidate, no-transform, no-store');
  } else if (route.name === 'jwks') {
    ctx.body = keys.jwks();
  }
}

function dressAnswer(ctx, { route, tokens, ciba, idTokenFaults }) {
  const { body, status } = ctx;
  if (route.name === 'token' && status === 200) tokens.dressTokenAnswer(ctx, idTokenFaults);
  else if (route.grant === 'ciba' && body?.error === 'authorization_pending') {
    ciba.dressPendingPoll(ctx);
  } else if (route.name === 'ciba_auth' && status === 200) ciba.dressRequestAnswer(ctx);
  else if (route.name === 'userinfo' && status === 200) tokens.dressUserInfo(ctx);
  else if (route.name === 'introspect' && body?.active) tokens.dressIntrospection(ctx);
}

export function edit(target, { set = {}, unset = [] }) {
  for (const [name, value] of Object.entries(set)) target[name] = value;
  for (const name of unset) delete target[name];
}

// The redirect that carries code or error to the client is an answer of its own: `callback`.
function spoilCallback(ctx, faults) {
  const url = new URL(ctx.response.get('location'));
  const params = Object.fromEntries(url.searchParams);
  for (const fault of faults) {
    if (fault.kind === 'error') {
      delete params.code;
      Object.assign(params, { error: fault.error ?? 'access_denied' });
      if (fault.description) params.error_description = fault.description;
    } else if (fault.kind === 'body') {
      edit(params, fault);
    }
  }
  url.search = new URLSearchParams(params).toString();
  ctx.set('location', url.href);
}

// Only JSON objects have members to edit: `body` and `duplicate` leave other answers alone.
function spoilJson(ctx, faults) {
  for (const fault of faults) {
    const isObject = typeof ctx.body === 'object' && ctx.body !== null;
    if (fault.kind === 'body' && isObject) edit(ctx.body, fault);
    else if (fault.kind === 'keys') ctx.body = spoilJwks(ctx.body, fault);
    else if (fault.kind === 'headers') ctx.set(fault.set);
    else if (fault.kind === 'error') {
      ctx.status = fault.status ?? 400;
      ctx.body = { error: fault.error, error_description: fault.description };
    } else if (fault.kind === 'duplicate' && isObject) {
      const { member, value } = fault; // the first of the two is the wrong one
      const added = `{${JSON.stringify(member)}:${JSON.stringify(value)},`;
      ctx.body = JSON.stringify(ctx.body).replace('{', added);
      ctx.type = 'application/json';
    }
  }
}

function finished({ body, status, response }) {
  const bytes = Buffer.isBuffer(body) ? body
    : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body ?? ''));
  const { 'content-length': unused, ...headers } = response.headers;
  return { status, headers, body: bytes };
}

async function spoilTransport(ctx, faults, environment) {
  for (const fault of faults.filter(({ kind }) => kind in TRANSPORT)) {
    const answer = finished(ctx);
    ctx.respond = false;
    ctx.res.getHeaderNames().forEach((name) => ctx.res.removeHeader(name));
    if (await TRANSPORT[fault.kind](ctx.res, fault, { ...environment, answer })) return;
    ctx.set(answer.headers); // it was a delay only
    ctx.respond = true;
  }
}

function goesToClient(ctx) {
  const target = ctx.oidc?.params?.redirect_uri;
  return ['authorization', 'resume'].includes(ctx.oidc?.route) && ctx.status === 303
    && target !== undefined && ctx.response.get('location').startsWith(target);
}

// parts: { urls, keys, tokens, ciba, faults }; exchangeOf(req) gives what the front knows.
export function dresser({ exchangeOf, faults, ...parts }) {
  return async (ctx, next) => {
    await next();
    const { route, environment } = exchangeOf(ctx.req);
    const succeeded = ctx.status < 400;
    const toClient = goesToClient(ctx);
    const met = faults.take(toClient ? { name: 'callback' } : route, 'after', { succeeded });
    dressDocuments(ctx, { route, ...parts });
    dressAnswer(ctx, {
      route, ...parts, idTokenFaults: met.filter(({ kind }) => kind === 'idt'),
    });
    if (toClient) spoilCallback(ctx, met);
    else spoilJson(ctx, met);
    await spoilTransport(ctx, met, environment);
  };
}
