/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/authcode.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"
#include "base/worker.h"
#include "oidc/authresponse.h"
#include "oidc/client_auth.h"
#include "oidc/form.h"
#include "oidc/login.h"
#include "oidc/loopback.h"
#include "oidc/par.h"

#define MAX_AGE_MAX_S     86400
#define ACR_VALUES_MAX    128
#define AUTHORIZE_URL_MAX 8192

struct authcode {
    struct login login; /* first: login_prepare gives it back */
    const char *prompt; /* static text, or NULL */
    char *acr_values;
    char state[PKCE_VALUE_SIZE]; /* "" once used */
    char verifier[PKCE_VALUE_SIZE];
    struct loopback *loopback; /* open: the browser is awaited */
    sd_event_source *cap;
    sd_event_source *answered;
    char *code;
    struct fail outcome; /* of the authorization response */
    unsigned strays;
};

static void authcode_free(void *flow)
{
    struct authcode *authcode = flow;

    sd_event_source_disable_unref(authcode->cap);
    sd_event_source_disable_unref(authcode->answered);
    loopback_release(authcode->loopback);
    login_done(&authcode->login);
    wipe_free(authcode->code);
    free(authcode->acr_values);
    explicit_bzero(authcode, sizeof *authcode);
    free(authcode);
}

static void end(struct authcode *authcode, cps_error code, const char *reason, const char *why)
{
    struct fail fail = FAIL_INIT;

    fail_reason(&fail, code, reason, "%s", why);
    request_fail(authcode->login.request, &fail);
}

/* The browser never came back: the page it shows may tell why, nothing else can. */
static void too_late(void *flow)
{
    struct authcode *authcode = flow;

    if (authcode->cap != NULL && authcode->code == NULL) /* the browser was sent off */
        end(authcode, CPS_LOGIN_EXPIRED, "browser",
            "no answer from the browser, where the provider may show an error");
    else
        end(authcode, CPS_DEADLINE_EXCEEDED, "provider", "the provider was too slow");
}

static int on_cap(sd_event_source *source, uint64_t usec, void *user)
{
    (void)source;
    (void)usec;
    too_late(user);
    return 0;
}

static void on_tokens(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct authcode *authcode = user;

    if (answer == NULL)
        request_fail(authcode->login.request, why);
    else
        login_finish(&authcode->login, answer);
}

static void exchange(struct authcode *authcode)
{
    struct login *login = &authcode->login;
    AUTO_BUFFER struct buffer form = BUFFER_INIT(FORM_MAX);
    struct client_post post = {.provider = login->provider,
                               .url = login->provider->endpoints.token,
                               .form = &form,
                               .deadline_ms = login->request->deadline_ms,
                               .once = true};
    struct fail fail = FAIL_INIT;

    form_add(&form, "grant_type", "authorization_code");
    form_add(&form, "code", authcode->code);
    form_add(&form, "redirect_uri", loopback_redirect_uri(authcode->loopback));
    form_add(&form, "code_verifier", authcode->verifier);
    if (client_auth_post(&post, &login->call, on_tokens, authcode, &fail) != CPS_OK)
        request_fail(login->request, &fail);
}

/* One turn of the loop after the callback: the listener is no longer on the stack. */
static int on_answered(sd_event_source *source, void *user)
{
    struct authcode *authcode = user;

    (void)source;
    authcode->cap = sd_event_source_disable_unref(authcode->cap);
    if (authcode->strays > 0)
        login_warn(&authcode->login, "stray_callbacks");
    if (authcode->outcome.code == CPS_OK)
        exchange(authcode);
    else
        request_fail(authcode->login.request, &authcode->outcome);
    return 0;
}

static bool on_callback(void *user, const char *query)
{
    struct authcode *authcode = user;
    const struct profile *profile = authcode->login.provider->profile;
    struct authresponse_expect expect = {
        .state = authcode->state, .issuer = profile->issuer, .require_iss = profile->require_iss};

    if (authcode->state[0] == '\0' || !authresponse_is_ours(query, authcode->state)) {
        if (authcode->strays++ == 0)
            log_warning("an authorization response with another state was turned away");
        return false;
    }
    authresponse_read(query, &expect, &authcode->code, &authcode->outcome);
    explicit_bzero(authcode->state, sizeof authcode->state);
    return sd_event_add_defer(authcode->login.request->oidcd->event, &authcode->answered,
                              on_answered, authcode) >= 0;
}

/* What is asked for, as a query or as a form. */
static bool add_params(const struct authcode *authcode, struct buffer *query)
{
    const struct login *login = &authcode->login;
    const struct profile *profile = login->provider->profile;
    const char *acr_values =
        authcode->acr_values != NULL ? authcode->acr_values : profile->acr_values;
    char challenge[PKCE_VALUE_SIZE];

    if (!pkce_challenge(authcode->verifier, challenge))
        return false;
    form_add(query, "response_type", "code");
    form_add(query, "scope", profile->scope);
    if (acr_values[0] != '\0')
        form_add(query, "acr_values", acr_values);
    form_add(query, "redirect_uri", loopback_redirect_uri(authcode->loopback));
    form_add(query, "state", authcode->state);
    form_add(query, "nonce", login->nonce);
    form_add(query, "code_challenge", challenge);
    form_add(query, "code_challenge_method", "S256");
    if (authcode->prompt != NULL)
        form_add(query, "prompt", authcode->prompt);
    if (login->max_age_s >= 0)
        form_add_int(query, "max_age", login->max_age_s);
    if (profile->idp_hint != NULL)
        form_add(query, "kc_idp_hint", profile->idp_hint);
    return !query->failed;
}

/* Sends the browser off. request_uri: what was pushed, or NULL: all of it is in the URL. */
static void announce(struct authcode *authcode, const char *request_uri)
{
    struct login *login = &authcode->login;
    const char *endpoint = login->provider->endpoints.authorization;
    AUTO_BUFFER struct buffer url = BUFFER_INIT(AUTHORIZE_URL_MAX);

    buffer_add_text(&url, endpoint);
    if (strchr(endpoint, '?') == NULL)
        buffer_add_text(&url, "?");
    form_add(&url, "client_id", login->provider->profile->client_id);
    if (request_uri != NULL)
        form_add(&url, "request_uri", request_uri);
    else
        add_params(authcode, &url);
    if (url.failed ||
        sd_event_add_time_relative(login->request->oidcd->event, &authcode->cap, CLOCK_BOOTTIME,
                                   (uint64_t)AUTHCODE_WAIT_MS * 1000, 0, on_cap, authcode) < 0) {
        end(authcode, CPS_INTERNAL, "url", "cannot make the authorization request");
        return;
    }
    worker_progress(login->request->id, json_pack("{s:s}", "url", buffer_text(&url)));
}

static void on_pushed(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct authcode *authcode = user;
    AUTO_FREE char *request_uri = NULL;
    struct fail fail = FAIL_INIT;

    if (answer == NULL)
        fail = *why;
    else
        par_read(answer, &request_uri, &fail);
    if (request_uri != NULL) {
        announce(authcode, request_uri);
        return;
    }
    fail_add(&fail, "pushed authorization request");
    request_fail(authcode->login.request, &fail);
}

static void push(struct authcode *authcode)
{
    struct login *login = &authcode->login;
    AUTO_BUFFER struct buffer form = BUFFER_INIT(FORM_MAX);
    struct client_post post = {.provider = login->provider,
                               .url = login->provider->endpoints.par,
                               .form = &form,
                               .deadline_ms = login->request->deadline_ms};
    struct fail fail = FAIL_INIT;

    if (login->provider->profile->client_auth == CLIENT_AUTH_SECRET_BASIC)
        form_add(&form, "client_id", login->provider->profile->client_id);
    if (!add_params(authcode, &form))
        fail_set(&fail, CPS_INTERNAL, "cannot make the authorization request");
    else
        client_auth_post(&post, &login->call, on_pushed, authcode, &fail);
    if (fail.code != CPS_OK)
        request_fail(login->request, &fail);
}

static void authorize(struct login *login)
{
    struct authcode *authcode = (struct authcode *)login;
    struct fail fail = FAIL_INIT;

    if (loopback_open(login->request->oidcd->loopbacks, login->provider->profile, on_callback,
                      authcode, &authcode->loopback, &fail) != CPS_OK)
        request_fail(login->request, &fail);
    else if (login->provider->endpoints.par_required)
        push(authcode);
    else
        announce(authcode, NULL);
}

/* Steals nothing. An unknown value would go to the provider as it is: only known ones may. */
static bool take_params(struct authcode *authcode, const json_t *params)
{
    static const char *const prompts[] = {"login", "none"};
    const char *prompt = json_get_string(params, "prompt");
    const char *acr_values = json_get_string(params, "acr_values");

    authcode->login.max_age_s = json_get_int(params, "max_age", -1);
    for (size_t i = 0; prompt != NULL && i < sizeof prompts / sizeof prompts[0]; i++)
        if (strcmp(prompt, prompts[i]) == 0)
            authcode->prompt = prompts[i];
    if (acr_values != NULL)
        authcode->acr_values = strdup(acr_values);
    return authcode->login.max_age_s >= -1 && authcode->login.max_age_s <= MAX_AGE_MAX_S &&
           (prompt == NULL || authcode->prompt != NULL) &&
           (acr_values == NULL ||
            (authcode->acr_values != NULL && strlen(acr_values) <= ACR_VALUES_MAX));
}

void authcode_start(struct request *request, struct provider *provider, const json_t *params)
{
    struct authcode *authcode = calloc(1, sizeof *authcode);
    struct fail fail = FAIL_INIT;

    if (authcode == NULL) {
        fail_set(&fail, CPS_INTERNAL, "out of memory");
        request_fail(request, &fail);
        return;
    }
    login_init(&authcode->login, request, provider);
    request_set_flow(request, authcode, authcode_free, too_late);
    if (!provider->profile->browser)
        end(authcode, CPS_CONFIGURATION, "method", "the profile excludes the browser");
    else if (!take_params(authcode, params))
        end(authcode, CPS_INVALID_PARAMS, "params", "max_age, prompt or acr_values");
    else if (!pkce_random(authcode->state) || !pkce_random(authcode->verifier) ||
             !pkce_random(authcode->login.nonce))
        end(authcode, CPS_INTERNAL, "random", "no random numbers");
    else
        login_prepare(&authcode->login, authorize);
}
