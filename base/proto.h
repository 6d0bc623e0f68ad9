/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the packets between the agent and its children say: the one definition.
 *
 *   agent → child   {"id": n, "op": "…", "deadline": boot-time ms, "params": {…}}
 *   child → agent   {"event": "hello", "protocol": 1, "process": "…"}     first packet
 *                   {"id": n, "result": {…}}  or  {"id": n, "error": {…}} (base/fail.h)
 *                   {"id": n, "progress": {…}}                            any number, before those
 *                   {"event": "…", …}
 *
 * A request is answered once, before its deadline; the agent kills a child that lets one pass.
 * "cancel" is an op with params {"id": n}: oidcd drops that request and answers it CANCELLED. The
 * children that may block have no use for it: they are killed.
 * Bytes are base64url without padding. Times: "…_at" are seconds since 1970, "…_ms" milliseconds.
 *
 * cps-cardwatch: takes no request. Events:
 *   pcsc     {state: "up" | "down" | "refused"}   down: pcscd absent or gone; retried by itself.
 *                                        Before down or refused each reader is told as gone; after
 *                                        up each is told again
 *   reader   {reader, present: bool, mute: bool, atr: hex, events: n}   events: PC/SC's counter: a
 *                                        card put back unseen shows as another number
 *   reader_gone {reader}
 *   beat     {}                            at least each CARDWATCH_BEAT_MS: pcscd answers. The
 *              first one after up comes when the readers that were there have been told
 *
 * cps-cardop: one reader, one card.
 *   open     {reader, module?: {path, always: bool, token?, writes?}}   module: a PKCS#11 module to
 *                                        use for cards that no driver knows, or for all of them;
 *                                        token: the label of its token, when its slots do not bear
 *                                        the reader's name; writes: the only directory that it may
 *                                        write to. cardop must have been started with --module
 *                                      → card_info: {family: "CPS3" | "CPS4" | …, driver: "cps3" |
 *                                        "cps4" | "module", interface: "contact" | "contactless",
 *                                        label, serial, issuer_number, atr: hex, protocol: "T=0",
 *                                        pin: null | {tries_left, blocked, verified},
 *                                        pin_pad: bool}   pin null: no PIN guards anything here;
 *                                        pin_pad: the reader has keys and takes PINs itself
 *   open     {reader, brief: true}    → {driver, serial, issuer_number, atr}   what a card is
 *                                        known by, at the least cost; open it again for the rest
 *   open     {reader, memory}            memory: as "certificate" gave it in an earlier life of
 *                                        that card
 *   keys     {}                        → {keys: [{usage, label, certificate_label, id: hex,
 *                                        mechanisms: ["RSA_PKCS", …, "DECRYPT_RSA_PKCS"],
 *                                        input_max}]}   usage: "authentication" | "signature" |
 *                                        "technical"; id: CKA_ID of key and certificate
 *   certificate {usage, remember?: bool} → {der, id, label, memory?}   id: SHA-256 of the
 *                                        SubjectPublicKeyInfo. CARD_UNSUPPORTED: no such key.
 *                                        memory: makes the next open of this card cheap. The
 *                                        first signature proves it; the event misled {} tells
 *                                        that it was wrong: end this process, start without it
 *   pin_status {code?: "pin" | "puk"}  → null pin or {tries_left, blocked, verified} as "pin";
 *                                        tries_left -1: the card does not tell
 *                                        verified: by this process, whatever other programs did
 *   verify   {last_try?: bool} + descriptor → {tries_left}   the descriptor is the end of a pipe
 *                                        that holds the PIN, read to its end; nothing in it: the
 *                                        question was cancelled (PROMPT_CANCELLED). With one try
 *                                        left and no last_try: PIN_LAST_TRY, nothing is sent
 *   verify   {last_try?, pin_pad: true}  the same, typed on the reader: no descriptor
 *   change_pin {last_try?} + descriptor → {tries_left}   the pipe holds the PIN, a line feed, the
 *                                        new PIN; or {pin_pad: true} and no descriptor
 *   unblock_pin {last_try?} + descriptor → {tries_left}   the PUK, a line feed, the new PIN
 *   sign     {usage, mechanism?: "RSA_PKCS", hash: "sha256" | "sha384" | "sha512", digest}
 *   sign     {usage, mechanism: "RSA_PKCS", data}   data: the DigestInfo, at most input_max bytes
 *   sign     {usage, mechanism: "RSA_PKCS_PSS", hash, digest}
 *   sign     {usage, mechanism: "SHA1_RSA_PKCS" | "SHA256_RSA_PKCS", state, hashed, data}   as
 *                                        struct sign_input of pkcs11/driver.h
 *                                      → {signature}   checked against the certificate;
 *                                        PIN_REQUIRED when the PIN is not verified (or no more,
 *                                        after a reset by another program: the PIN is never
 *                                        replayed by itself)
 *   decrypt  {usage, mechanism: "RSA_PKCS", data} → {data}   DECRYPT_FAILED for any bad padding
 *   objects  {}                        → {objects: [{label, application, private: bool}]}
 *   object   {label}                   → {value}   PIN_REQUIRED when private and not verified
 *   situations {info?: true}           → {situations: [{number, structure_name?, structure_id?,
 *                                        sector?, raw}], info: {card_id?, name?, language?,
 *                                        national_id?, speciality?, raw: {…}}}   practice
 *                                        situations and, unless info is false, what the other
 *                                        CPS_* objects say of the holder, after the PIN; raw: the
 *                                        objects' first 1024 bytes
 *   logout   {}                        → {}   resets the card
 *   report   {reader}                  → {reader_model, atr, protocol, cut: bool, files: [{name,
 *                                        path, sw, control: [line], announces?, length?, content?:
 *                                        [line]}], objects: [{directory, name, reference, sw,
 *                                        content}],
 *                                        codes: [{reference, min, max, digits, unblocking, sw}],
 *                                        apdus: [{command, sw, length, us}]}   what any card says
 *                                        without a PIN and of nobody, line by line of structure;
 *                                        needs no open; resets the card. cut: it was too much
 *   Open a card that is still open and its certificate stays known; once it was taken out every
 *   request but open says CARD_REMOVED.
 *
 * cps-prompt: one question, then it exits.
 *   pin      {title, description, prompt, error?, ok, cancel, timeout_ms, display: {…}, program}
 *            + descriptor               → {}   the PIN is written to the descriptor, then closed
 *   change   {title, description, current, new, repeat, mismatch, same, weak, form: texts, digits,
 *            error?, ok, cancel, timeout_ms, display, program} + descriptor → {}   the current PIN
 *                                        (or the PUK), a line feed and the new PIN are written to
 *                                        the descriptor, then closed. The new one is asked twice,
 *                                        and again while it has not that many digits (0: any), is
 *                                        the current one or too easy to guess. timeout_ms: each
 *                                        question's; the deadline is that of all of them
 *   message  {title, description, cancel, timeout_ms, display, program}   stays until the user
 *                                        closes it (PROMPT_CANCELLED) or the agent hangs up
 *   confirm  {title, description, ok, not_ok?, cancel, timeout_ms, display, program}
 *                                      → {confirmed: bool, refused?: true}   refused: not_ok was
 *                                        chosen; neither: the question was closed
 *   browse   {url, command: […], display} → {}   starts the browser; "{url}" in command is replaced
 *   display: {display?, wayland_display?, xauthority?, dbus_session_bus_address?, tty?, lang?…}
 *
 * cps-oidcd:
 *   providers {}                       → {providers: [{name, issuer, methods: [...], state,
 *                                        since_at?, error?}], apis: [{name, programs: [pattern of
 *                                        paths | "any"], state, since_at?, error?}]}
 *                                        methods: "browser", "ecps", "proxy"; state: "unknown",
 *                                        "up", "down"; apis: of apis.d, for exchange
 *   login_browser {provider, max_age?, prompt?: "login" | "none", acr_values?}
 *                                       progress {url} → login
 *   login_ciba {provider, login_hint, binding_message, channel?: "MOBILE" | "CARD"}
 *                                       progress {state: "pending", expires_in} → login
 *       login: {handle, provider, kind: "psc" | "psc-bas" | "sandbox" | "local-idp", issuer, sub,
 *               subject_name_id?, acr?, auth_mode?, auth_at, amr?, userinfo: {…}, id_token,
 *               id_token_exp_at, access_token, access_token_exp_at, warnings: […]}
 *               subject_name_id is always there but for kind local-idp;
 *               warnings: "stray_callbacks", "auth_time_absent", "subject_form"
 *   login_proxy {provider, login_hint, binding_message, channel?, fresh?} → {handle, provider,
 *                                        kind, issuer, sub, subject_name_id, channel, auth_at,
 *                                        userinfo: {}, warnings}   "already_connected": the
 *                                        session of an earlier handle goes on under this one;
 *                                        fresh: never that, the person is asked
 *   send     {handle, service, endpoint, method, content_type?, accept?, body? | body_base64?} +
 *            descriptor                → {status, content_type, bytes}   of a session at a proxy;
 *                                        the body is written to the descriptor, a memfd
 *   check    {provider}                → {provider, kind?, issuer?, ok: bool, findings: [{level:
 *                                        "ok" | "note" | "problem", code, detail?}]}
 *   refresh  {handle}                  → {access_token, access_token_exp_at, id_token?,
 *                                        id_token_exp_at?}   LOGIN_EXPIRED: the handle is closed
 *   logout   {handle}                  → {ended: bool}   end_session and revocation; the handle and
 *                                        its tokens are forgotten whatever the provider answers.
 *                                        Another handle of the same session (sid) keeps it alive
 *   introspect {handle}                → {active: bool, exp_at?, iat_at?, auth_at?, sub?,
 *                                        subject_name_id?, acr?, auth_mode?, scope?, client_id?}
 *                                        RFC 7662, of the session's access token
 *   exchange {handle, api}             → {access_token, access_token_exp_at, issued_token_type,
 *                                        bound: bool, scope?}   RFC 8693. API_UNKNOWN,
 *                                        API_UNAVAILABLE, API_REFUSED, API_ANSWER: the API's
 *                                        server; PROVIDER_… and LOGIN_EXPIRED: the session's
 *                                        provider, when its token had to be refreshed
 *   fetch    {url, kind: "crl" | "ocsp" | "authorities", body?: base64url, proxy?: url}
 *            + descriptor               → {bytes}   http or https, no redirect, no credential, at
 *                                        most FETCH_MAX bytes; written to the descriptor, a memfd.
 *                                        DOWNLOAD_FAILED with a reason: "dns", "connect",
 *                                        "timeout", "tls", "status", "redirect", "too_large"…
 *   cancel   {id}                      → {}
 *   Event: provider {name, issuer, methods, state, since_at, error?}   its state has changed; as
 *                                        in the answer to providers
 *   Event: api {name, state, since_at, error?}   the same of the server of an API
 *   Event: logout {provider, ended, tries}   what became of a logout: at once, or when a provider
 *                                        that had not heard of it was told again, or given up
 *   Refresh tokens, the client credential and PKCE verifiers stay in oidcd.
 *
 * cps-evidence: the files of the evidence log (agent/evidence/chain.h).
 *   open     {directory, file_bytes, keep_s, export: "none" | "journal" | "syslog"}
 *                                      → {seq, hash, damage?: text}   how far the log goes
 *   append   {lines: [text, …]}        → {first_kept?, not_copied?}   written and synced, all or
 *                                        none; lines before first_kept are older than keep_s; so
 *                                        many were not taken by the journal or syslog
 *   purge    {first_kept}              → {}   removes the files that hold only lines before it
 *
 * cps-state: small files on a disk that may be slow, while there is one to write or to read.
 *   write    {directory, name} + descriptor → {}   the file becomes what the descriptor, a memfd,
 *                                        holds, synced; name may have one directory in it, which
 *                                        is made. STORAGE: it could not be written
 *   read     {path, max} + descriptor  → {found}   copies a plain file of max bytes at most to the
 *                                        descriptor, a memfd. CONFIGURATION: it is there, and may
 *                                        not be read; STORAGE: it cannot be told now
 *
 * cps-revocation: one list or one question, then it is gone. Certificates: DER, base64url.
 *   cached   {path}                    → {kept_at?}   reads a list that was kept; absent: none is
 *   crl      {issuer, url, known?: {number, this_update_at}} + descriptor → {number: hex,
 *                                        this_update_at, next_update_at, entries}   the descriptor
 *                                        holds a list, there is none when cached has found one;
 *                                        known: of the one it comes after.
 *                                        REVOCATION_UNKNOWN with a reason of agent/trust/crl.h
 *   table    {} + descriptor            → {}   its records (agent/trust/crl_table.h), to a memfd
 *   ocsp_request {certificate, issuer} → {request: base64url}
 *   ocsp_answer {} + descriptor         → {status: "good" | "revoked" | "unknown",
 *                                        this_update_at, revoked_at, reason}   the descriptor holds
 *                                        the answer to that request; revoked_at and reason: -1
 *                                        when there is none
 */
#ifndef BASE_PROTO_H
#define BASE_PROTO_H

/* cardwatch beats at least this often; two missing beats mean that pcscd does not answer. */
#define CARDWATCH_BEAT_MS 60000

/* Names of the child programs. */
#define PROTO_CARDWATCH  "cps-cardwatch"
#define PROTO_CARDOP     "cps-cardop"
#define PROTO_PROMPT     "cps-prompt"
#define PROTO_OIDCD      "cps-oidcd"
#define PROTO_EVIDENCE   "cps-evidence"
#define PROTO_REVOCATION "cps-revocation"
#define PROTO_STATE      "cps-state"

/* Largest DER certificate that travels in a packet. */
#define PROTO_CERTIFICATE_MAX 8192

/* Largest body that oidcd fetches for the agent. */
#define FETCH_MAX (16 * 1024 * 1024)

/* Largest file that cps-state writes: a revocation list as it was fetched. */
#define STATE_CONTENT_MAX FETCH_MAX

#endif
