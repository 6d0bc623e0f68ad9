/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/countersign.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/access.h"
#include "agent/card.h"
#include "agent/cards.h"
#include "agent/desktop.h"
#include "agent/evidence_events.h"
#include "agent/peer.h"
#include "agent/pin_policy.h"
#include "agent/session.h"
#include "agent/statement.h"
#include "agent/trust.h"
#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

struct countersign {
    struct agent *agent;
    struct request *request;
    struct card *card;
    int64_t epoch; /* of the session that the request is about */
    struct pin_use *pin;
    struct call *call;
    char *statement;
    int64_t expires_at_s;
    char *text; /* header and payload, as they are signed */
};

static const char *param(const struct countersign *self, const char *name)
{
    return json_get_string(self->request->params, name);
}

static void drop_texts(struct countersign *self)
{
    free(TAKE_PTR(self->statement));
    free(TAKE_PTR(self->text));
}

static void countersign_free(struct countersign *self)
{
    call_forget(self->call);
    pin_use_end(self->pin);
    drop_texts(self);
    free(self);
}

static void on_cancel(struct request *request, void *user)
{
    (void)request;
    countersign_free(user);
}

static void refuse(struct countersign *self, const struct fail *fail)
{
    struct request *request = self->request;
    struct fail kept = *fail;

    evidence_statement(self->agent, request->conn, param(self, "audience"), true, &kept);
    countersign_free(self);
    request_fail(request, &kept);
}

static void succeed(struct countersign *self, const char *signature)
{
    struct request *request = self->request;
    json_t *answer =
        json_pack("{s:s, s:o, s:I, s:I}", "statement", self->statement, "counter_signature",
                  json_sprintf("%s.%s", self->text, signature), "expires_at",
                  (json_int_t)self->expires_at_s, "epoch", (json_int_t)self->epoch);

    evidence_statement(self->agent, request->conn, param(self, "audience"), true, NULL);
    countersign_free(self);
    request_reply(request, answer);
}

/* The person and the card of the request are still there. */
static cps_error check_session(const struct countersign *self, struct fail *fail)
{
    if (desktop_check(self->agent->desktop, fail) != CPS_OK)
        return fail->code;
    if (session_epoch(self->agent->session) != self->epoch)
        return fail_set(fail, CPS_SESSION_CHANGED, "the session ended meanwhile");
    return session_check(self->agent->session, fail);
}

static void on_signed(void *user, json_t *result, const struct fail *fail)
{
    struct countersign *self = user;
    const char *signature = json_get_string(result, "signature");
    struct fail wrong;

    self->call = NULL;
    if (fail != NULL && fail->code == CPS_PIN_REQUIRED &&
        self->pin != NULL) { /* another program has reset the card */
        drop_texts(self);
        pin_use_again(self->pin);
    } else if (fail != NULL) {
        refuse(self, fail);
    } else if (check_session(self, &wrong) != CPS_OK ||
               trust_check_signature(card_certificate(self->card), (const uint8_t *)self->text,
                                     strlen(self->text), signature != NULL ? signature : "",
                                     &wrong) != CPS_OK) {
        refuse(self, &wrong);
    } else {
        succeed(self, signature);
    }
}

/* Base64url of the SHA-256. The caller frees it; NULL when memory is short. */
static char *hash_of(const void *data, size_t len)
{
    uint8_t digest[32];

    if (EVP_Q_digest(NULL, "SHA256", NULL, data, len, digest, NULL) != 1)
        return NULL;
    return b64_encode(digest, sizeof digest);
}

/* Its DER, in a new buffer, or NULL. */
static unsigned char *der_of(const X509 *certificate, int *ret_len)
{
    unsigned char *der = NULL;

    *ret_len = i2d_X509(certificate, &der);
    return *ret_len > 0 ? der : NULL;
}

static char *thumbprint(const X509 *certificate)
{
    int len;
    unsigned char *der = der_of(certificate, &len);
    char *hash = der != NULL ? hash_of(der, (size_t)len) : NULL;

    OPENSSL_free(der);
    return hash;
}

/* RFC 7515 section 4.1.6: x5c is base64 proper, of DER. */
static json_t *header_of(const X509 *certificate)
{
    int len;
    unsigned char *der = der_of(certificate, &len);
    char *text = der != NULL ? calloc(1, (size_t)len / 3 * 4 + 5) : NULL;
    json_t *header = NULL;

    if (text != NULL) {
        EVP_EncodeBlock((unsigned char *)text, der, len);
        header =
            json_pack("{s:s, s:s, s:[s]}", "alg", "RS256", "typ", COUNTERSIGN_TYP, "x5c", text);
    }
    OPENSSL_free(der);
    free(text);
    return header;
}

static json_t *payload_of(const struct countersign *self)
{
    AUTO_FREE char *hash = hash_of(self->statement, strlen(self->statement));

    return json_pack("{s:s, s:s, s:s, s:I, s:I}", "statement_hash", hash, "aud",
                     param(self, "audience"), "nonce", param(self, "nonce"), "iat",
                     (json_int_t)clock_real_s(), "exp", (json_int_t)self->expires_at_s);
}

static char *encoded(json_t *part)
{
    AUTO_JSON json_t *owned = part;
    AUTO_FREE char *text = owned != NULL ? json_dumps(owned, JSON_COMPACT) : NULL;

    return text != NULL ? b64_encode(text, strlen(text)) : NULL;
}

/* Statement and text of one moment: after the PIN, so that both live as long as they can. */
static cps_error make_texts(struct countersign *self, struct fail *fail)
{
    X509 *certificate = card_certificate(self->card);
    AUTO_FREE char *signer = thumbprint(certificate);
    AUTO_FREE char *header = NULL;
    AUTO_FREE char *payload = NULL;
    const struct policy_rule *rule = access_rule_for(self->request->conn, param(self, "audience"));
    const struct statement_want want = {.audience = param(self, "audience"),
                                        .nonce = param(self, "nonce"),
                                        .lifetime_s = rule->terms.lifetime_s,
                                        .counter_signer = signer};

    if (signer == NULL)
        return fail_set(fail, CPS_INTERNAL, "no certificate to name");
    if (statement_make(self->agent, &want, &self->statement, &self->expires_at_s, fail) != CPS_OK)
        return fail->code;
    header = encoded(header_of(certificate));
    payload = encoded(payload_of(self));
    if (header == NULL || payload == NULL || asprintf(&self->text, "%s.%s", header, payload) < 0) {
        self->text = NULL;
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    }
    return CPS_OK;
}

/* Its cardop may have been started again while the PIN was typed. */
static cps_error check_card(const struct card *card, struct fail *fail)
{
    if (card_state(card) == CARD_READY)
        return CPS_OK;
    if (card_state(card) == CARD_READING)
        return fail_set(fail, CPS_CARD_BUSY, "the card is being read");
    *fail = *card_fail(card);
    return fail->code;
}

static void on_pin(void *user, const struct fail *fail)
{
    struct countersign *self = user;
    AUTO_FREE char *digest = NULL;
    struct fail wrong;

    if (fail != NULL) {
        self->pin = NULL;
        refuse(self, fail);
        return;
    }
    if (check_session(self, &wrong) != CPS_OK || check_card(self->card, &wrong) != CPS_OK ||
        make_texts(self, &wrong) != CPS_OK) {
        refuse(self, &wrong);
        return;
    }
    digest = hash_of(self->text, strlen(self->text));
    self->call = card_call(self->card, "sign",
                           json_pack("{s:s, s:s, s:s*}", "usage", card_usage(self->card), "hash",
                                     "sha256", "digest", digest),
                           -1, on_signed, self);
}

static void need_pin(struct countersign *self)
{
    static const struct pin_use_class class = {.ready = on_pin};
    const struct conn *conn = self->request->conn;
    char text[PEER_TEXT_MAX + 1];
    const struct pin_need need = {.asker = {.purpose = PIN_FOR_STATEMENT,
                                            .program = peer_text(conn->program, text, sizeof text)},
                                  .display = conn->display,
                                  .interactive = self->request->interactive};

    self->pin = pin_need(self->agent, self->card, &need, &class, self);
}

/* The card that opened the session, when it can vouch for who holds it. */
static struct card *card_of(const struct agent *agent, struct fail *fail)
{
    const struct login_proof *proof = session_proof(agent->session);
    struct card *card;

    if (session_check(agent->session, fail) != CPS_OK)
        return NULL;
    if (proof->reader == NULL || proof->card == NULL) {
        fail_reason(fail, CPS_NO_CARD, "session", "the session is not by a card");
        return NULL;
    }
    card = cards_pick(agent->cards, proof->reader, fail);
    if (card == NULL || check_card(card, fail) != CPS_OK)
        return NULL;
    if (card_has_pin(card))
        return card;
    fail_set(fail, CPS_CARD_CONTACTLESS, "no PIN guards this card");
    return NULL;
}

static struct card *admit(const struct agent *agent, struct fail *fail)
{
    if (!config_bool(agent->config, "statement", "counter_signature", false)) {
        fail_set(fail, CPS_NOT_ALLOWED, "[statement] counter_signature is not on");
        return NULL;
    }
    if (desktop_check(agent->desktop, fail) != CPS_OK)
        return NULL;
    return card_of(agent, fail);
}

void countersign_statement(struct agent *agent, struct request *request)
{
    const char *audience = json_get_string(request->params, "audience");
    bool allowed = access_rule_for(request->conn, audience)->terms.counter_signature;
    struct fail fail = FAIL_INIT;
    struct card *card = allowed ? admit(agent, &fail) : NULL;
    struct countersign *self;

    if (!allowed)
        fail_set(&fail, CPS_NOT_ALLOWED, "its rule has counter_signature = no");
    if (card == NULL) {
        evidence_statement(agent, request->conn, audience, true, &fail);
        request_fail(request, &fail);
        return;
    }
    self = calloc(1, sizeof *self);
    if (self == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    *self = (struct countersign){
        .agent = agent, .request = request, .card = card, .epoch = session_epoch(agent->session)};
    request_wait(request, on_cancel, self);
    session_touch(agent->session);
    need_pin(self);
}
