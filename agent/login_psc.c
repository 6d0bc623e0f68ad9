/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Login at an identity provider, done by oidcd: by the e-CPS phone (CIBA) or by the browser. The
 * digits to recognise on the phone are on their way to the caller before oidcd is asked to push.
 */
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/card.h"
#include "agent/cards.h"
#include "agent/login_early.h"
#include "agent/national_id.h"
#include "agent/oidc.h"
#include "agent/prompter.h"
#include "agent/push_limit.h"
#include "agent/sessions.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/proto.h"
#include "base/util.h"

struct psc_login {
    struct login login;
    const char *method; /* "ecps", "browser" or "proxy": static */
    char *provider;
    char digits[3];
    struct call *call;
    struct prompt *browser;
    bool page_opened; /* or tried to: one page for a login */
};

static struct psc_login *of(struct login *login)
{
    return (struct psc_login *)(void *)login;
}

static void abandon(struct login *login)
{
    struct psc_login *self = of(login);

    oidc_cancel(login->agent->oidc, self->call);
    prompt_cancel(self->browser);
    login_done(login);
    free(self->provider);
    free(self);
}

/* Uniform over 00 to 99: a byte above the last whole hundred is drawn again. */
static bool draw_digits(char digits[3])
{
    uint8_t byte;

    do
        if (RAND_bytes(&byte, 1) != 1)
            return false;
    while (byte >= 200);
    snprintf(digits, 3, "%02u", byte % 100U);
    return true;
}

static json_t *text_or(const json_t *from, const char *key, const char *otherwise)
{
    const char *text = json_get_string(from, key);

    return json_string(text != NULL && text[0] != '\0' ? text : otherwise);
}

/* Any provider but PSC may tell names in other ways, and no national identifier at all. */
static const char *display_name(const json_t *login)
{
    const json_t *info = json_get_object(login, "userinfo");
    const char *const names[] = {
        json_get_string(info, "name"), json_get_string(login, "subject_name_id"),
        json_get_string(info, "preferred_username"), json_get_string(login, "sub")};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i] != NULL && names[i][0] != '\0')
            return names[i];
    return "";
}

/* As a card has it: the provider may leave the type digit of an RPPS number out. */
static void set_identifier(json_t *holder, const json_t *login)
{
    const char *id = json_get_string(login, "subject_name_id");
    char normal[NATIONAL_ID_MAX + 1];

    if (id == NULL) { /* national identifiers have no '#': this never passes for one */
        json_object_set_new(
            holder, "internal_id",
            json_sprintf("%s#%s", json_get_string(login, "issuer"), json_get_string(login, "sub")));
        return;
    }
    if (national_id_normalise(id, normal))
        id = normal;
    json_object_set_new(holder, "national_id", json_string(id));
    if (national_id_type(id) != NULL)
        json_object_set_new(holder, "national_id_type", json_string(national_id_type(id)));
}

static json_t *holder_of(const json_t *login)
{
    const json_t *info = json_get_object(login, "userinfo");
    const char *given = json_get_string(info, "given_name");
    const char *family = json_get_string(info, "family_name");
    json_t *holder = json_pack("{s:s}", "source", "provider");

    if (given != NULL && family != NULL)
        json_object_set_new(holder, "name", json_sprintf("%s %s", given, family));
    else
        json_object_set_new(holder, "name", json_string(display_name(login)));
    set_identifier(holder, login);
    json_object_set_new(holder, "given_name", text_or(info, "given_name", ""));
    json_object_set_new(holder, "family_name", text_or(info, "family_name", ""));
    return holder;
}

static bool is_psc(const json_t *login)
{
    const char *kind = json_get_string(login, "kind");

    return kind == NULL || (strcmp(kind, "local-idp") != 0 && strcmp(kind, "esante-proxy") != 0);
}

static bool says_mfa(const json_t *amr)
{
    size_t i;
    const json_t *method;

    json_array_foreach (amr, i, method)
        if (json_is_string(method) && strcmp(json_string_value(method), "mfa") == 0)
            return true;
    return false;
}

/*
 * What the provider says of the login is carried in "psc" or "idp" as it is. Of our own knowledge,
 * "mfa" is claimed only when PSC names a means that has two factors, the card or the e-CPS phone,
 * when a proxy has had PSC ask one of them, or when another provider says it in the standard's
 * words (RFC 8176).
 */
static json_t *amr_of(const json_t *login)
{
    const char *mode = json_get_string(login, "auth_mode");
    bool two = mode != NULL && (strcmp(mode, "CARD") == 0 || strcmp(mode, "MOBILE") == 0);

    if (json_get_string(login, "channel") != NULL) /* an e-Santé proxy: PSC's phone or card */
        return json_pack("[s]", "mfa");
    if (!is_psc(login))
        two = says_mfa(json_get_array(login, "amr"));
    return two ? json_pack("[s]", "mfa") : json_array();
}

static cps_error check_login(const json_t *login, struct fail *fail)
{
    int64_t auth_at_s = json_get_int(login, "auth_at", 0);
    int64_t now_s = clock_real_s();

    if (json_get_string(login, "handle") == NULL || json_get_string(login, "issuer") == NULL ||
        json_get_string(login, "sub") == NULL || auth_at_s <= 0 ||
        auth_at_s >= now_s + SESSION_MAX_S)
        return fail_set(fail, CPS_COMPONENT_FAILED, "%s: answer out of shape", PROTO_OIDCD);
    if (is_psc(login) && json_get_string(login, "subject_name_id") == NULL)
        return fail_reason(fail, CPS_ID_TOKEN_REJECTED, "subject_name_id", "no SubjectNameID");
    if (now_s - auth_at_s >= SESSION_MAX_S)
        return fail_set(fail, CPS_LOGIN_EXPIRED, "the provider's login is too old for a session");
    return CPS_OK;
}

static json_t *psc_part(const struct psc_login *self, const json_t *login)
{
    return json_pack(
        "{s:s, s:o, s:s, s:s*, s:s*}", "provider", self->provider, "issuer",
        text_or(login, "issuer", ""), "subject_name_id", json_get_string(login, "subject_name_id"),
        "acr", json_get_string(login, "acr"), "auth_mode", json_get_string(login, "auth_mode"));
}

static json_t *idp_part(const struct psc_login *self, const json_t *login)
{
    json_t *idp = json_pack("{s:s, s:o, s:s, s:s*}", "provider", self->provider, "issuer",
                            text_or(login, "issuer", ""), "sub", json_get_string(login, "sub"),
                            "acr", json_get_string(login, "acr"));

    if (json_get_array(login, "amr") != NULL)
        json_object_set(idp, "amr", json_get_array(login, "amr"));
    return idp;
}

/*
 * The reader that holds the card of the person whom a proxy has connected: it proves nothing, but
 * who takes it away leaves. NULL: it is not here.
 */
static const char *watched_reader(const struct psc_login *self, const char *id)
{
    struct fail ignored;
    const struct card *card = cards_pick(self->login.agent->cards, NULL, &ignored);
    const char *holder_id = card != NULL ? json_get_string(card_holder(card), "national_id") : NULL;

    if (strcmp(self->method, "proxy") != 0 || id == NULL || holder_id == NULL ||
        strcmp(holder_id, id) != 0)
        return NULL;
    return card_reader(card);
}

/* Whether a login that the provider remembers may be the one of whoever is here now. */
static bool single_sign_on(const struct psc_login *self)
{
    return strcmp(config_string(self->login.agent->config, "session", "single_sign_on", "allow"),
                  "refuse") != 0;
}

static cps_error check_age(const struct psc_login *self, const struct login_proof *proof,
                           struct fail *fail)
{
    int64_t age_s = (clock_boot_ms() - self->login.begun_ms) / 1000;

    if (!single_sign_on(self) && login_proof_is_reused(proof, age_s))
        return fail_reason(fail, CPS_LOGIN_REFUSED, "stale",
                           "the provider answered without asking anybody");
    return CPS_OK;
}

static void on_login(void *user, json_t *result, const struct fail *fail)
{
    struct psc_login *self = user;
    struct login_proof proof = {.method = self->method};
    const char *acr = json_get_string(result, "acr");
    struct fail wrong;

    self->call = NULL;
    oidc_look(self->login.agent->oidc);
    if (fail == NULL && check_login(result, &wrong) != CPS_OK)
        fail = &wrong;
    if (fail != NULL) {
        login_fail(&self->login, fail);
        return;
    }
    proof.amr = amr_of(result);
    proof.acr = acr != NULL ? strdup(acr) : NULL;
    proof.auth_time_s = json_get_int(result, "auth_at", 0);
    proof.holder = holder_of(result);
    if (is_psc(result))
        proof.psc = psc_part(self, result);
    else
        proof.idp = idp_part(self, result);
    proof.watched = watched_reader(self, json_get_string(result, "subject_name_id"));
    proof.tokens = json_incref(result);
    proof.practice = practice_from_userinfo(json_get_object(result, "userinfo"));
    if (check_age(self, &proof, &wrong) == CPS_OK) {
        login_succeed(&self->login, &proof);
    } else {
        login_proof_refuse(self->login.agent, &proof);
        login_fail(&self->login, &wrong);
    }
}

static void announce_page(struct psc_login *self, bool opened)
{
    json_t *progress = json_copy(self->login.progress);

    json_object_set_new(progress, "opened", json_boolean(opened));
    login_progress(&self->login, progress);
}

/* A page that could not be opened here may still be opened by the caller, who was told of it. */
static void on_browser(void *user, json_t *result, const struct fail *fail)
{
    struct psc_login *self = user;

    (void)result;
    self->browser = NULL;
    if (fail != NULL)
        log_warning("the browser was not started: %s", cps_error_name(fail->code));
    announce_page(self, fail == NULL);
}

static void on_progress(void *user, json_t *progress)
{
    struct psc_login *self = user;
    const char *url = json_get_string(progress, "url");
    int64_t expires_in_s = json_get_int(progress, "expires_in", 0);

    if (url != NULL && !self->page_opened) {
        self->page_opened = true;
        login_progress(&self->login, json_pack("{s:s, s:s}", "state", "browser", "url", url));
        self->browser =
            prompt_browse(self->login.agent, url, self->login.display, on_browser, self);
    } else if (expires_in_s > 0) {
        login_progress(&self->login,
                       json_pack("{s:s, s:s, s:I}", "state", "phone", "digits", self->digits,
                                 "expires_in_s", (json_int_t)expires_in_s));
    }
}

/* A provider that remembers an earlier login must not answer for whoever is there now. */
static bool must_ask(const struct psc_login *self)
{
    return self->login.purpose != LOGIN_TO_OPEN || !single_sign_on(self) ||
           sessions_await_owner(self->login.agent->sessions);
}

static json_t *ciba_params(struct psc_login *self, const json_t *params)
{
    login_progress(&self->login, json_pack("{s:s, s:s}", "state", "phone", "digits", self->digits));
    return json_pack("{s:s, s:s, s:s, s:s*, s:b}", "provider", self->provider, "login_hint",
                     json_get_string(params, "national_id"), "binding_message", self->digits,
                     "channel", json_get_string(params, "channel"), "fresh", must_ask(self));
}

static json_t *browser_params(const struct psc_login *self)
{
    json_t *params = json_pack("{s:s}", "provider", self->provider);

    if (self->login.purpose == LOGIN_TO_STEP_UP)
        json_object_set_new(params, "max_age", json_integer(self->login.max_age_s));
    if (must_ask(self) && self->login.max_age_s == 0)
        json_object_set_new(params, "prompt", json_string("login"));
    return params;
}

static const char *operation(const char *method)
{
    if (strcmp(method, "proxy") == 0)
        return "login_proxy";
    return strcmp(method, "ecps") == 0 ? "login_ciba" : "login_browser";
}

static void start(struct psc_login *self, const json_t *params)
{
    bool by_phone = strcmp(self->method, "browser") != 0;
    struct agent *agent = self->login.agent;
    json_t *call_params;
    struct fail fail;

    if (by_phone && !draw_digits(self->digits)) {
        fail_set(&fail, CPS_INTERNAL, "no random digits");
        login_fail(&self->login, &fail);
        return;
    }
    if (by_phone) {
        call_params = ciba_params(self, params);
    } else {
        login_progress(&self->login, json_pack("{s:s}", "state", "provider"));
        call_params = browser_params(self);
    }
    self->call = oidc_call(agent->oidc, operation(self->method), call_params, OIDC_LOGIN_TIMEOUT_MS,
                           on_login, on_progress, self, &fail);
    if (self->call == NULL)
        login_fail(&self->login, &fail);
    else if (by_phone)
        push_limit_count(agent->pushes, json_get_string(params, "national_id"));
}

static const char *chosen(const struct agent *agent, const struct request *request,
                          const char *method)
{
    const char *asked = json_get_string(request->params, "provider");

    if (strcmp(method, "proxy") == 0)
        return oidc_provider_of(agent->oidc, asked, method);
    return oidc_provider(agent->oidc, asked);
}

static cps_error check(const struct agent *agent, const struct request *request, const char *method,
                       struct fail *fail)
{
    if (strcmp(method, "browser") != 0 && json_get_string(request->params, "national_id") == NULL)
        return fail_reason(fail, CPS_INVALID_PARAMS, "national_id", "method %s needs it", method);
    if (chosen(agent, request, method) == NULL)
        return fail_set(fail, CPS_PROVIDER_UNKNOWN, "no provider was chosen");
    if (!request->interactive)
        return fail_set(fail, CPS_INTERACTION_REQUIRED, "a person must take part");
    return CPS_OK;
}

/* A push that is refused or that nobody sees counts as well: it has rung. */
static bool may_ring(const struct agent *agent, const char *method, const char *id,
                     struct fail *fail)
{
    return strcmp(method, "browser") == 0 || push_limit_check(agent->pushes, id, fail) == CPS_OK;
}

/* The same word, which does not go with its request. */
static const char *lasting(const char *method)
{
    if (strcmp(method, "ecps") == 0)
        return "ecps";
    return strcmp(method, "proxy") == 0 ? "proxy" : "browser";
}

void login_by_provider(struct agent *agent, struct request *request, enum login_purpose purpose)
{
    const char *method = json_get_string(request->params, "method");
    const char *provider = chosen(agent, request, method);
    const char *id = json_get_string(request->params, "national_id");
    AUTO_FREE char *key = NULL;
    struct psc_login *self;
    struct fail fail;

    if (provider == NULL && !oidc_known(agent)) {
        login_early(agent, request, purpose, "early provider", oidc_known, login_by_provider);
        return;
    }
    if (check(agent, request, method, &fail) != CPS_OK) {
        request_fail(request, &fail);
        return;
    }
    if (asprintf(&key, "%s %s %s", method, provider, id != NULL ? id : "") < 0)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    if (login_join(agent, purpose, key, request))
        return;
    if (!login_admit(agent, &fail) || !may_ring(agent, method, id, &fail)) {
        request_fail(request, &fail);
        return;
    }
    self = calloc(1, sizeof *self);
    if (self == NULL)
        abort(); /* no answer could be promised any more; the supervisor starts the agent again */
    self->login.abandon = abandon;
    self->method = lasting(method);
    self->provider = strdup(provider);
    login_begin(&self->login, agent, purpose, key, request);
    start(self, request->params);
}
