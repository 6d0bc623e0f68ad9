/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Login by card: the PIN is verified by the card, which then signs a fresh challenge with its
 * authentication key; its certificate must lead to a configured authority, and not be revoked as
 * far as the policy wants it known: that is looked up while the PIN is typed. Only all of this
 * together is worth "sc", "pin", "hwk" and "mfa". A card without PIN (contactless), where it is
 * allowed, only signs: "sc" and "hwk". Practice situations are read last.
 */
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "agent/blocks.h"
#include "agent/cards.h"
#include "agent/identity.h"
#include "agent/keys.h"
#include "agent/login_early.h"
#include "agent/pin_policy.h"
#include "agent/revocation.h"
#include "agent/trust.h"
#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"

enum step {
    STEP_READING,
    STEP_PIN,
    STEP_PROVING,
    STEP_REVOCATION, /* all but the word on revocation is there */
    STEP_PRACTICE,   /* the login is proved: only the card's removal can make it fail now */
};

/*
 * What the card signs is this text and 32 random bytes: a signature made for a login can never
 * pass for one on anything else.
 */
static const char challenge_text[] = "cps-agent card login 1";
#define CHALLENGE_RANDOM 32

/* How long practice situations may take; sixteen of them are three seconds on a slow card. */
#define PRACTICE_PATIENCE_MS 5000

struct card_login {
    struct login login;
    struct card *card;
    enum step step;
    struct pin_use *pin;
    struct call *call;
    struct revocation_check *check; /* goes on while the PIN is typed */
    struct revocation_verdict verdict;
    uint8_t challenge[sizeof challenge_text + CHALLENGE_RANDOM];
    int64_t verified_at_s;
    struct login_proof proof; /* set from STEP_PRACTICE on */
    sd_event_source *patience;
};

static void enter(struct card_login *self, enum step step);

/* login is the first member: the two have the same address. */
static struct card_login *of(struct login *login)
{
    return (struct card_login *)(void *)login;
}

static void abandon(struct login *login)
{
    struct card_login *self = of(login);

    call_forget(self->call);
    revocation_check_free(self->check);
    pin_use_end(self->pin);
    login_done(login);
    OPENSSL_cleanse(self->challenge, sizeof self->challenge);
    sd_event_source_disable_unref(self->patience);
    login_proof_done(&self->proof);
    free(self);
}

static void ask_card(struct card_login *self, const char *op, json_t *params, int fd,
                     call_done done)
{
    self->call = card_call(self->card, op, params, fd, done, self);
}

/* Reading is over when the card is ready or has a reason not to be. */
static void on_card(struct login *login, const struct card *card, const struct fail *gone)
{
    struct card_login *self = of(login);

    if (card != self->card)
        return;
    if (gone != NULL)
        login_fail(login, gone);
    else if (self->step == STEP_PRACTICE)
        return;
    else if (self->step == STEP_READING && card_state(card) == CARD_READY)
        enter(self, STEP_PIN);
    else if (card_state(card) != CARD_READY &&
             (self->step != STEP_READING || card_state(card) != CARD_READING))
        login_fail(login, card_fail(card)); /* or its cardop is being restarted */
}

static void on_pin_progress(void *user, const char *state, int tries_left)
{
    struct card_login *self = user;
    json_t *members = json_pack("{s:s}", "state", state);

    if (tries_left >= 0)
        json_object_set_new(members, "tries_left", json_integer(tries_left));
    login_progress(&self->login, members);
}

static void on_pin(void *user, const struct fail *fail)
{
    struct card_login *self = user;

    if (fail != NULL) {
        self->pin = NULL;
        login_fail(&self->login, fail);
        return;
    }
    self->verified_at_s = clock_real_s();
    enter(self, STEP_PROVING);
}

/* The PIN proves who is there now: one that was typed earlier does not. */
static void need_pin(struct card_login *self)
{
    static const struct pin_use_class class = {on_pin_progress, on_pin};
    const struct pin_need need = {.asker = {.purpose = PIN_FOR_LOGIN},
                                  .display = self->login.display,
                                  .interactive = true,
                                  .fresh = true};

    self->pin = pin_need(self->login.agent, self->card, &need, &class, self);
}

/* What a PIN proves is claimed only when one was verified. */
static json_t *amr_of(const struct card_login *self)
{
    if (card_has_pin(self->card))
        return json_pack("[s, s, s, s]", "sc", "pin", "hwk", "mfa");
    return json_pack("[s, s]", "sc", "hwk");
}

static void make_proof(struct card_login *self)
{
    X509 *certificate = card_certificate(self->card);
    AUTO_FREE char *issuer = identity_name_text(X509_get_issuer_name(certificate));
    AUTO_FREE char *hash = keys_pseudonym(self->login.agent->keys, card_serial(self->card));
    struct login_proof *proof = &self->proof;

    proof->method = "card";
    proof->amr = amr_of(self);
    proof->auth_time_s = card_has_pin(self->card) ? self->verified_at_s : clock_real_s();
    proof->holder = json_incref(card_holder(self->card));
    proof->reader = card_reader(self->card);
    proof->card = json_pack("{s:s, s:s, s:s*, s:s*, s:s*}", "reader", proof->reader, "family",
                            card_family(self->card), "type", identity_card_type(certificate),
                            "issuer", issuer, "serial_hash", hash);
}

/* Whatever became of the situations, the login is proved. */
static void on_situations(void *user, json_t *result, const struct fail *fail)
{
    struct card_login *self = user;
    json_t *complete = identity_complete(self->proof.holder, json_get_object(result, "info"));
    char text[512];

    self->call = NULL;
    if (fail != NULL) {
        fail_describe(fail, text, sizeof text);
        log_warning("practice situations not read: %s", text);
    }
    json_decref(self->proof.holder);
    self->proof.holder = complete;
    self->proof.practice = practice_from_card(result, fail);
    login_succeed(&self->login, &self->proof);
}

static int on_patience(sd_event_source *source, uint64_t usec, void *user)
{
    struct card_login *self = user;
    struct fail late;

    (void)source;
    (void)usec;
    call_forget(self->call);
    fail_set(&late, CPS_DEADLINE_EXCEEDED, "the card took too long");
    on_situations(self, NULL, &late);
    return 0;
}

/* Each object is a tenth of a second: what the certificate tells already is not read again. */
static void ask_situations(struct card_login *self)
{
    bool has_speciality = json_object_get(self->proof.holder, "speciality") != NULL;

    (void)sd_event_add_time_relative(self->login.agent->event, &self->patience, CLOCK_BOOTTIME,
                                     (uint64_t)PRACTICE_PATIENCE_MS * 1000, 1000, on_patience,
                                     self);
    ask_card(self, "situations", json_pack("{s:b}", "info", !has_speciality), -1, on_situations);
}

static void on_signed(void *user, json_t *result, const struct fail *fail)
{
    struct card_login *self = user;
    const char *signature = json_get_string(result, "signature");
    struct fail wrong;

    self->call = NULL;
    if (fail != NULL && fail->code == CPS_PIN_REQUIRED &&
        self->pin != NULL) { /* another program has reset the card */
        self->step = STEP_PIN;
        pin_use_again(self->pin);
        return;
    }
    if (fail != NULL) {
        login_fail(&self->login, fail);
        return;
    }
    if (trust_check_signature(card_certificate(self->card), self->challenge, sizeof self->challenge,
                              signature != NULL ? signature : "", &wrong) != CPS_OK) {
        login_fail(&self->login, &wrong);
        return;
    }
    enter(self, STEP_REVOCATION);
}

static void settle_revocation(struct card_login *self)
{
    make_proof(self);
    self->proof.revocation = revocation_proof(&self->verdict);
    if (card_has_pin(self->card))
        enter(self, STEP_PRACTICE);
    else
        login_succeed(&self->login, &self->proof);
}

static void on_revocation(void *user, const struct revocation_verdict *verdict)
{
    struct card_login *self = user;
    struct fail fail;

    self->check = NULL;
    self->verdict = *verdict;
    if (revocation_judge(self->login.agent->revocation, verdict, &fail) != CPS_OK)
        login_fail(&self->login, &fail);
    else if (self->step == STEP_REVOCATION)
        settle_revocation(self);
}

/* False: it is known already that the card is revoked. */
static bool ask_revocation(struct card_login *self, struct fail *fail)
{
    struct revocation *revocation = self->login.agent->revocation;
    X509 *certificate = card_certificate(self->card);

    revocation_known(revocation, certificate, &self->verdict);
    if (self->verdict.status == REVOCATION_REVOKED &&
        revocation_judge(revocation, &self->verdict, fail) != CPS_OK)
        return false;
    revocation_check_free(self->check);
    self->check = revocation_ask(revocation, certificate, on_revocation, self);
    return true;
}

static void prove(struct card_login *self)
{
    uint8_t digest[32];
    AUTO_FREE char *text = NULL;
    struct fail fail;

    memcpy(self->challenge, challenge_text, sizeof challenge_text);
    if (RAND_bytes(self->challenge + sizeof challenge_text, CHALLENGE_RANDOM) != 1 ||
        EVP_Q_digest(NULL, "SHA256", NULL, self->challenge, sizeof self->challenge, digest, NULL) !=
            1 ||
        (text = b64_encode(digest, sizeof digest)) == NULL) {
        fail_set(&fail, CPS_INTERNAL, "no challenge");
        login_fail(&self->login, &fail);
        return;
    }
    ask_card(self, "sign",
             json_pack("{s:s, s:s, s:s}", "usage", card_usage(self->card), "hash", "sha256",
                       "digest", text),
             -1, on_signed);
}

/* A card that could not open a session anyway costs nobody a PIN. */
static cps_error check_card(const struct card_login *self, struct fail *fail)
{
    const char *contactless =
        config_string(self->login.agent->config, "session", "contactless", "refuse");

    if (!card_has_pin(self->card) &&
        (strcmp(contactless, "allow") != 0 || self->login.purpose == LOGIN_TO_STEP_UP))
        return fail_set(fail, CPS_CARD_CONTACTLESS, "no PIN guards this card");
    if (!identity_is_person(card_holder(self->card)))
        return fail_set(fail, CPS_CARD_NOT_NOMINATIVE, "the certificate names no person");
    if (blocks_check_card(self->login.agent->blocks, self->card, fail) != CPS_OK)
        return fail->code;
    return trust_check(self->login.agent->trust, card_certificate(self->card), fail);
}

/* The transition function: every step is entered here, and only the callbacks above call it. */
static void enter(struct card_login *self, enum step step)
{
    struct fail fail;

    self->step = step;
    switch (step) {
    case STEP_READING:
        login_progress(&self->login, json_pack("{s:s}", "state", "reading"));
        break;
    case STEP_PIN:
        if (check_card(self, &fail) != CPS_OK || !ask_revocation(self, &fail))
            login_fail(&self->login, &fail);
        else if (card_has_pin(self->card))
            need_pin(self);
        else
            enter(self, STEP_PROVING);
        break;
    case STEP_PROVING:
        login_progress(&self->login, json_pack("{s:s}", "state", "proving"));
        prove(self);
        break;
    case STEP_REVOCATION:
        if (self->check == NULL)
            settle_revocation(self);
        break;
    case STEP_PRACTICE:
        login_progress(&self->login, json_pack("{s:s}", "state", "practice"));
        ask_situations(self);
        break;
    }
}

static bool already_open(const struct agent *agent, const struct card *card)
{
    const struct login_proof *proof = session_proof(agent->session);

    return proof != NULL && proof->reader != NULL && strcmp(proof->reader, card_reader(card)) == 0;
}

void login_by_card(struct agent *agent, struct request *request, enum login_purpose purpose)
{
    const char *reader = json_get_string(request->params, "reader");
    bool fresh = json_get_bool(request->params, "fresh", false);
    struct fail fail = FAIL_INIT;
    struct card *card;
    struct card_login *self;

    if (!cards_known(agent)) {
        login_early(agent, request, purpose, "early card", cards_known, login_by_card);
        return;
    }
    card = cards_pick(agent->cards, reader, &fail);
    if (card != NULL && purpose == LOGIN_TO_OPEN && already_open(agent, card) && !fresh) {
        request_reply(request, session_json(agent->session));
        return;
    }
    if (card != NULL && card_state(card) != CARD_READY && card_state(card) != CARD_READING)
        fail = *card_fail(card);
    else if (card != NULL && !request->interactive &&
             (card_state(card) != CARD_READY || card_has_pin(card)))
        fail_set(&fail, CPS_INTERACTION_REQUIRED, "the PIN must be asked");
    if (fail.code != CPS_OK) {
        request_fail(request, &fail);
        return;
    }
    if (login_join(agent, purpose, card_id(card), request))
        return;
    self = calloc(1, sizeof *self);
    if (self == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    self->login.abandon = abandon;
    self->login.on_card = on_card;
    self->card = card;
    login_begin(&self->login, agent, purpose, card_id(card), request);
    enter(self, card_state(card) == CARD_READY ? STEP_PIN : STEP_READING);
}
