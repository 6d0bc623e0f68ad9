/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Login by card: the PIN is verified by the card, which then signs a fresh challenge with its
 * authentication key; its certificate must lead to a configured authority. Only all of this
 * together is worth "sc", "pin", "hwk" and "mfa".
 */
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cards.h"
#include "agent/identity.h"
#include "agent/keys.h"
#include "agent/login.h"
#include "agent/prompt_text.h"
#include "agent/prompter.h"
#include "agent/trust.h"
#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/proto.h"
#include "base/util.h"

enum step { STEP_READING, STEP_PIN_STATE, STEP_LAST_TRY, STEP_PIN, STEP_VERIFYING, STEP_PROVING };

/* The "state" of progress notifications; NULL: nothing worth telling. */
static const char *const step_names[] = {
    [STEP_READING] = "reading", [STEP_PIN_STATE] = NULL, [STEP_LAST_TRY] = "last_try",
    [STEP_PIN] = "pin",         [STEP_VERIFYING] = NULL, [STEP_PROVING] = "proving",
};

/*
 * What the card signs is this text and 32 random bytes: a signature made for a login can never
 * pass for one on anything else.
 */
static const char challenge_text[] = "cps-agent card login 1";
#define CHALLENGE_RANDOM 32

struct card_login {
    struct login login;
    struct card *card;
    enum step step;
    struct call *call;
    struct prompt *prompt;
    int pin_pipe; /* read end; only cardop reads it */
    int tries_left;
    bool last_try_confirmed;
    cps_error last_error; /* why the PIN is asked again */
    uint8_t challenge[sizeof challenge_text + CHALLENGE_RANDOM];
    int64_t verified_at_s;
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
    prompt_cancel(self->prompt);
    if (self->pin_pipe >= 0)
        close(self->pin_pipe);
    login_done(login);
    OPENSSL_cleanse(self->challenge, sizeof self->challenge);
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
    else if (self->step == STEP_READING && card_state(card) == CARD_READY)
        enter(self, STEP_PIN_STATE);
    else if (card_state(card) != CARD_READY &&
             (self->step != STEP_READING || card_state(card) != CARD_READING))
        login_fail(login, card_fail(card)); /* or its cardop is being restarted */
}

static void on_pin_state(void *user, json_t *result, const struct fail *fail)
{
    struct card_login *self = user;
    struct fail blocked;

    self->call = NULL;
    if (fail != NULL) {
        login_fail(&self->login, fail);
        return;
    }
    self->tries_left = (int)json_get_int(result, "tries_left", 0);
    card_note_pin(self->card, self->tries_left);
    if (json_get_bool(result, "blocked", false) || self->tries_left <= 0) {
        fail_set(&blocked, CPS_PIN_BLOCKED, "no try is left");
        blocked.tries_left = 0;
        login_fail(&self->login, &blocked);
    } else if (self->tries_left == 1 && !self->last_try_confirmed) {
        enter(self, STEP_LAST_TRY);
    } else {
        enter(self, STEP_PIN);
    }
}

static void on_last_try(void *user, json_t *result, const struct fail *fail)
{
    struct card_login *self = user;
    struct fail refused;

    self->prompt = NULL;
    if (fail != NULL) {
        login_fail(&self->login, fail);
    } else if (!json_get_bool(result, "confirmed", false)) {
        fail_set(&refused, CPS_PIN_LAST_TRY, "the user kept the last try");
        refused.tries_left = 1;
        login_fail(&self->login, &refused);
    } else {
        self->last_try_confirmed = true;
        enter(self, STEP_PIN);
    }
}

static void on_pin(void *user, json_t *result, const struct fail *fail)
{
    struct card_login *self = user;

    (void)result;
    self->prompt = NULL;
    if (fail == NULL) {
        enter(self, STEP_VERIFYING);
    } else if (fail->code == CPS_PIN_INVALID) { /* nothing was typed */
        self->last_error = fail->code;
        enter(self, STEP_PIN);
    } else {
        login_fail(&self->login, fail);
    }
}

/* One end of a new pipe for the prompt, the other for cardop: nothing of it is read here. */
static void ask_pin(struct card_login *self)
{
    AUTO_CLOSE int write_end = -1;
    int ends[2];
    struct fail fail;
    json_t *texts = prompt_text_pin(self->login.display, card_holder(self->card),
                                    card_reader(self->card), self->tries_left, self->last_error);

    if (pipe2(ends, O_CLOEXEC) < 0) {
        json_decref(texts);
        fail_set(&fail, CPS_INTERNAL, "no pipe for the PIN");
        login_fail(&self->login, &fail);
        return;
    }
    if (self->pin_pipe >= 0)
        close(self->pin_pipe);
    self->pin_pipe = ends[0];
    write_end = ends[1];
    self->prompt =
        prompt_ask(self->login.agent, "pin", texts, self->login.display, write_end, on_pin, self);
}

static void on_verified(void *user, json_t *result, const struct fail *fail)
{
    struct card_login *self = user;
    struct fail wrong;

    self->call = NULL;
    if (fail == NULL && json_get_int(result, "tries_left", -1) < 0) {
        fail_set(&wrong, CPS_COMPONENT_FAILED, "%s: answer out of shape", PROTO_CARDOP);
        fail = &wrong;
    }
    if (fail == NULL) {
        self->verified_at_s = clock_real_s();
        card_note_pin(self->card, (int)json_get_int(result, "tries_left", -1));
        enter(self, STEP_PROVING);
        return;
    }
    card_note_pin(self->card, fail->tries_left);
    if (fail->code != CPS_PIN_LAST_TRY)
        self->last_error = fail->code;
    if (fail->code == CPS_PIN_INVALID || (fail->code == CPS_PIN_WRONG && fail->tries_left != 0) ||
        (fail->code == CPS_PIN_LAST_TRY && !self->last_try_confirmed))
        enter(self, STEP_PIN_STATE);
    else
        login_fail(&self->login, fail);
}

static void on_signed(void *user, json_t *result, const struct fail *fail)
{
    struct card_login *self = user;
    struct login_proof proof = {.method = "card"};
    const char *signature = json_get_string(result, "signature");
    X509 *certificate = card_certificate(self->card);
    AUTO_FREE char *issuer = identity_name_text(X509_get_issuer_name(certificate));
    AUTO_FREE char *hash = NULL;
    struct fail wrong;

    self->call = NULL;
    if (fail != NULL) {
        login_fail(&self->login, fail);
        return;
    }
    if (trust_check_signature(certificate, self->challenge, sizeof self->challenge,
                              signature != NULL ? signature : "", &wrong) != CPS_OK) {
        login_fail(&self->login, &wrong);
        return;
    }
    hash = keys_pseudonym(self->login.agent->keys, card_serial(self->card));
    proof.amr = json_pack("[s, s, s, s]", "sc", "pin", "hwk", "mfa");
    proof.auth_time_s = self->verified_at_s;
    proof.holder = json_incref(card_holder(self->card));
    proof.reader = card_reader(self->card);
    proof.card = json_pack("{s:s, s:s, s:s*, s:s*}", "reader", proof.reader, "family",
                           card_family(self->card), "issuer", issuer, "serial_hash", hash);
    login_succeed(&self->login, &proof);
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
    ask_card(
        self, "sign",
        json_pack("{s:s, s:s, s:s}", "usage", "authentication", "hash", "sha256", "digest", text),
        -1, on_signed);
}

/* A card that could not open a session anyway costs nobody a PIN. */
static cps_error check_card(const struct card_login *self, struct fail *fail)
{
    if (card_holder(self->card) == NULL)
        return fail_set(fail, CPS_CERTIFICATE_INVALID, "the certificate names no person");
    return trust_check(self->login.agent->trust, card_certificate(self->card), fail);
}

static void announce(struct card_login *self)
{
    const char *state = step_names[self->step];
    json_t *members;

    if (state == NULL)
        return;
    members = json_pack("{s:s}", "state", state);
    if (self->step == STEP_PIN || self->step == STEP_LAST_TRY)
        json_object_set_new(members, "tries_left", json_integer(self->tries_left));
    login_progress(&self->login, members);
}

/* The transition function: every step is entered here, and only the callbacks above call it. */
static void enter(struct card_login *self, enum step step)
{
    struct fail fail;

    self->step = step;
    announce(self);
    switch (step) {
    case STEP_READING:
        break;
    case STEP_PIN_STATE:
        if (check_card(self, &fail) != CPS_OK)
            login_fail(&self->login, &fail);
        else
            ask_card(self, "pin_status", json_object(), -1, on_pin_state);
        break;
    case STEP_LAST_TRY:
        self->prompt =
            prompt_ask(self->login.agent, "confirm", prompt_text_last_try(self->login.display),
                       self->login.display, -1, on_last_try, self);
        break;
    case STEP_PIN:
        ask_pin(self);
        break;
    case STEP_VERIFYING:
        ask_card(self, "verify", json_pack("{s:b}", "last_try", self->last_try_confirmed),
                 self->pin_pipe, on_verified);
        close(TAKE_FD(self->pin_pipe));
        break;
    case STEP_PROVING:
        prove(self);
        break;
    }
}

static bool already_open(const struct agent *agent, const struct card *card)
{
    const struct login_proof *proof = session_proof(agent->session);

    return proof != NULL && proof->reader != NULL && strcmp(proof->reader, card_reader(card)) == 0;
}

static void begin(struct agent *agent, struct request *request)
{
    const char *reader = json_get_string(request->params, "reader");
    bool fresh = json_get_bool(request->params, "fresh", false);
    struct fail fail = FAIL_INIT;
    struct card *card = cards_pick(agent->cards, reader, &fail);
    struct card_login *self;

    if (card != NULL && already_open(agent, card) && !fresh) {
        request_reply(request, session_json(agent->session));
        return;
    }
    if (card != NULL && card_state(card) != CARD_READY && card_state(card) != CARD_READING)
        fail = *card_fail(card);
    else if (card != NULL && !request->interactive)
        fail_set(&fail, CPS_INTERACTION_REQUIRED, "the PIN must be asked");
    if (fail.code != CPS_OK) {
        request_fail(request, &fail);
        return;
    }
    if (login_join(agent, card_id(card), request))
        return;
    self = calloc(1, sizeof *self);
    if (self == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    self->login.abandon = abandon;
    self->login.on_card = on_card;
    self->card = card;
    self->pin_pipe = -1;
    login_begin(&self->login, agent, card_id(card), request);
    enter(self, card_state(card) == CARD_READY ? STEP_PIN_STATE : STEP_READING);
}

void login_by_card(struct agent *agent, struct request *request)
{
    if (!cards_settle(agent->cards, request, begin))
        begin(agent, request);
}
