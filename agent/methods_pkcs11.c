/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/methods_pkcs11.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/access.h"
#include "agent/api/api_check.h"
#include "agent/card_use.h"
#include "agent/cards.h"
#include "agent/contents.h"
#include "base/json.h"
#include "base/util.h"

/* How long a program that starts waits for the cards that are being read. */
#define WAIT_MAX_MS 3000

struct waiter {
    TAILQ_ENTRY(waiter) entry;
    struct request *request;
    sd_event_source *patience;
};

static TAILQ_HEAD(waiters, waiter) waiters = TAILQ_HEAD_INITIALIZER(waiters);

static const struct policy_terms *rule_of(const struct request *request)
{
    return &access_rule(request->conn)->terms;
}

static void refuse(struct request *request, cps_error code, const char *what)
{
    struct fail fail;

    fail_set(&fail, code, "%s", what);
    request_fail(request, &fail);
}

static void give_tokens(struct request *request)
{
    const struct policy_terms *rule = rule_of(request);

    request_reply(request,
                  json_pack("{s:i, s:b, s:b, s:o}", "slots", CONTENTS_SLOTS, "login_required",
                            rule->login_required, "typed_pin", rule->typed_pin, "tokens",
                            contents_tokens(request->conn->agent->contents, rule)));
}

static void waiter_free(struct waiter *waiter)
{
    TAILQ_REMOVE(&waiters, waiter, entry);
    sd_event_source_disable_unref(waiter->patience);
    free(waiter);
}

static void serve_waiter(struct waiter *waiter)
{
    struct request *request = waiter->request;

    waiter_free(waiter);
    give_tokens(request);
}

static int on_patience(sd_event_source *source, uint64_t usec, void *user)
{
    (void)source;
    (void)usec;
    serve_waiter(user);
    return 0;
}

static void on_cancel(struct request *request, void *user)
{
    (void)request;
    waiter_free(user);
}

static bool known(const struct agent *agent)
{
    return !cards_reading(agent->cards) && !contents_reading(agent->contents);
}

static void on_change(void *user)
{
    const struct agent *agent = user;
    struct waiter *waiter;

    if (!known(agent))
        return;
    while ((waiter = TAILQ_FIRST(&waiters)) != NULL)
        serve_waiter(waiter);
}

static void wait_for_cards(struct agent *agent, struct request *request)
{
    struct waiter *waiter = calloc(1, sizeof *waiter);
    int r;

    if (waiter == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    waiter->request = request;
    TAILQ_INSERT_TAIL(&waiters, waiter, entry);
    contents_on_change(agent->contents, on_change, agent);
    request_wait(request, on_cancel, waiter);
    r = sd_event_add_time_relative(agent->event, &waiter->patience, CLOCK_BOOTTIME,
                                   (uint64_t)WAIT_MAX_MS * 1000, 10000, on_patience, waiter);
    if (r < 0)
        serve_waiter(waiter);
}

/* The cards that are there are known, though maybe not yet what is on them. */
static void tokens_settled(struct agent *agent, struct request *request)
{
    contents_want(agent->contents);
    if (known(agent) || !json_get_bool(request->params, "wait", false))
        give_tokens(request);
    else
        wait_for_cards(agent, request);
}

void method_pkcs11_tokens(struct agent *agent, struct request *request)
{
    bool wait = json_get_bool(request->params, "wait", false);

    if (!wait || !cards_settle(agent->cards, request, tokens_settled))
        tokens_settled(agent, request);
}

/* The card meant, when it is still there. NULL: the request is answered. */
static struct card *card_of(const struct agent *agent, struct request *request)
{
    struct fail fail;
    struct card *card =
        contents_find(agent->contents, json_get_string(request->params, "card_id"), &fail);

    if (card == NULL)
        request_fail(request, &fail);
    return card;
}

void method_pkcs11_login(struct agent *agent, struct request *request)
{
    const struct policy_terms *rule = rule_of(request);
    struct card *card = card_of(agent, request);

    if (card == NULL)
        return;
    if (!rule->authentication && !rule->signature && rule->data != POLICY_DATA_ALL)
        refuse(request, CPS_NOT_ALLOWED, "nothing on the card is for this program");
    else
        card_use(agent, request, card,
                 &(struct card_use_what){
                     .purpose = PIN_FOR_AUTHENTICATION, .pin = true, .ask_pin = rule->ask_pin},
                 NULL);
}

static bool is_signature(const struct request *request)
{
    return strcmp(json_get_string(request->params, "usage"), "signature") == 0;
}

/* What the rule of the program says of that key. */
static bool may_use(const struct policy_terms *rule, const struct request *request)
{
    return is_signature(request) ? rule->signature : rule->authentication;
}

static void set(json_t *to, const char *name, const json_t *from, const char *from_name)
{
    json_t *value = json_object_get(from, from_name);

    if (value != NULL)
        json_object_set(to, name, value);
}

/* The params of the op "sign" (base/proto.h), which knows the form of each mechanism. */
static json_t *sign_params(const json_t *params)
{
    const char *mechanism = json_get_string(params, "mechanism");
    const char *data = json_get_string(params, "data");
    bool pss = strcmp(mechanism, "RSA_PKCS_PSS") == 0;
    json_t *to =
        json_pack("{s:s, s:s}", "usage", json_get_string(params, "usage"), "mechanism", mechanism);

    json_object_set_new(to, pss ? "digest" : "data", json_string(data != NULL ? data : ""));
    if (pss)
        set(to, "hash", params, "hash");
    if (strcmp(mechanism, "SHA1_RSA_PKCS") == 0 || strcmp(mechanism, "SHA256_RSA_PKCS") == 0) {
        json_object_set_new(to, "state", json_string(""));
        set(to, "state", params, "state");
        json_object_set_new(to, "hashed", json_integer(json_get_int(params, "hashed", 0)));
    }
    return to;
}

static void use_key(struct agent *agent, struct request *request, struct card_use_what what,
                    json_t *params)
{
    const struct policy_terms *rule = rule_of(request);
    struct card *card;

    what.confirm = is_signature(request);
    what.pin = true;
    what.ask_pin = rule->ask_pin;
    card = card_of(agent, request); /* NULL: the request is gone */
    if (card != NULL && may_use(rule, request)) {
        card_use(agent, request, card, &what, params);
        return;
    }
    json_decref(params);
    if (card != NULL)
        refuse(request, CPS_NOT_ALLOWED, "this key is not for this program");
}

void method_pkcs11_sign(struct agent *agent, struct request *request)
{
    struct card_use_what what = {.op = "sign", .member = "signature"};

    what.purpose = is_signature(request) ? PIN_FOR_SIGNATURE : PIN_FOR_AUTHENTICATION;
    use_key(agent, request, what, sign_params(request->params));
}

void method_pkcs11_decrypt(struct agent *agent, struct request *request)
{
    json_t *params =
        json_pack("{s:s, s:s, s:s}", "usage", json_get_string(request->params, "usage"),
                  "mechanism", "RSA_PKCS", "data", json_get_string(request->params, "data"));

    use_key(agent, request,
            (struct card_use_what){.op = "decrypt", .member = "data", .purpose = PIN_FOR_DATA},
            params);
}

void method_pkcs11_object(struct agent *agent, struct request *request)
{
    const struct policy_terms *rule = rule_of(request);
    const char *label = json_get_string(request->params, "label");
    struct card *card = card_of(agent, request);
    bool private = false;
    struct fail fail;

    if (card == NULL)
        return;
    if (!contents_object(agent->contents, card, label, &private)) {
        fail_reason(&fail, CPS_INVALID_PARAMS, "label", "no data object of that name");
        request_fail(request, &fail);
    } else if (rule->data < (private ? POLICY_DATA_ALL : POLICY_DATA_PUBLIC)) {
        refuse(request, CPS_NOT_ALLOWED, "this object is not for this program");
    } else {
        card_use(agent, request, card,
                 &(struct card_use_what){.op = "object",
                                         .member = "value",
                                         .purpose = PIN_FOR_DATA,
                                         .pin = private,
                                         .ask_pin = rule->ask_pin},
                 json_pack("{s:s}", "label", label));
    }
}
