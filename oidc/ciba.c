/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/ciba.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/util.h"
#include "base/worker.h"
#include "oidc/answer.h"
#include "oidc/ciba_params.h"
#include "oidc/client_auth.h"
#include "oidc/login.h"

#define GRANT_TYPE "urn:openid:params:grant-type:ciba"

/* Added to the interval at each slow_down (CIBA Core section 11). */
#define SLOW_DOWN_S 5

/* Longest pause while the provider fails. */
#define BACK_OFF_MAX_S 30

#define AUTH_REQ_ID_MAX 4096

struct ciba {
    struct login login; /* first: login_prepare gives it back */
    char binding[3];
    char channel[8];
    sd_event_source *timer; /* to the next poll, or to the expiry */
    int64_t expires_ms;     /* boot time; 0: the phone was not rung yet */
    int64_t interval_s;
    int64_t back_off_s; /* 0: the last poll was answered */
};

static void poll_tokens(struct ciba *ciba);

static void ciba_free(void *flow)
{
    struct ciba *ciba = flow;

    sd_event_source_disable_unref(ciba->timer);
    login_done(&ciba->login);
    explicit_bzero(ciba, sizeof *ciba);
    free(ciba);
}

static void end(struct ciba *ciba, cps_error code, const char *reason, const char *why)
{
    struct fail fail = FAIL_INIT;

    fail_reason(&fail, code, reason, "%s", why);
    request_fail(ciba->login.request, &fail);
}

static void expired(struct ciba *ciba)
{
    end(ciba, CPS_LOGIN_EXPIRED, "expired_token", "nobody answered on the phone in time");
}

static void too_late(void *flow)
{
    struct ciba *ciba = flow;

    if (ciba->expires_ms != 0)
        expired(ciba);
    else
        end(ciba, CPS_DEADLINE_EXCEEDED, "provider", "the provider was too slow");
}

static int on_timer(sd_event_source *source, uint64_t usec, void *user)
{
    struct ciba *ciba = user;

    (void)source;
    (void)usec;
    if (clock_boot_ms() >= ciba->expires_ms)
        expired(ciba);
    else
        poll_tokens(ciba);
    return 0;
}

/* The next poll, or the expiry if that comes first. */
static void poll_later(struct ciba *ciba, int64_t wait_s)
{
    int64_t at_ms = clock_boot_ms() + wait_s * 1000;

    if (at_ms > ciba->expires_ms)
        at_ms = ciba->expires_ms;
    ciba->timer = sd_event_source_disable_unref(ciba->timer);
    if (sd_event_add_time(ciba->login.request->oidcd->event, &ciba->timer, CLOCK_BOOTTIME,
                          (uint64_t)at_ms * 1000, 1000, on_timer, ciba) < 0)
        end(ciba, CPS_INTERNAL, "timer", "no timer");
}

/* A pause that doubles while the provider fails, and is never shorter than it asks. */
static void back_off(struct ciba *ciba, int64_t asked_s)
{
    int64_t wait_s = ciba->back_off_s == 0 ? ciba->interval_s : 2 * ciba->back_off_s;

    ciba->back_off_s = wait_s < BACK_OFF_MAX_S ? wait_s : BACK_OFF_MAX_S;
    if (ciba->back_off_s < ciba->interval_s)
        ciba->back_off_s = ciba->interval_s;
    poll_later(ciba, asked_s > ciba->back_off_s ? asked_s : ciba->back_off_s);
}

/* What a refused poll means (OpenID CIBA Core section 11). */
static void on_refused(struct ciba *ciba, struct fail *fail)
{
    bool pending = strcmp(fail->reason, "authorization_pending") == 0;
    bool slow_down = strcmp(fail->reason, "slow_down") == 0;

    ciba->back_off_s = 0;
    if (slow_down)
        ciba->interval_s = ciba_clamp_interval(ciba->interval_s + SLOW_DOWN_S);
    if (pending || slow_down)
        poll_later(ciba, ciba->interval_s);
    else if (strcmp(fail->reason, "access_denied") == 0)
        end(ciba, CPS_LOGIN_REFUSED, "access_denied", "refused on the phone, or the wrong number");
    else if (strcmp(fail->reason, "expired_token") == 0)
        expired(ciba);
    else
        request_fail(ciba->login.request, fail);
}

static void on_tokens(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct ciba *ciba = user;
    AUTO_JSON json_t *ignored = NULL;
    struct fail fail = FAIL_INIT;

    if (answer != NULL && answer->status == 200) {
        login_finish(&ciba->login, answer);
        return;
    }
    if (answer == NULL)
        fail = *why;
    else
        answer_read(answer, &ignored, &fail);
    if (answer == NULL || fail.code == CPS_PROVIDER_UNAVAILABLE) {
        log_info("poll of %s failed, going on until it expires", ciba->login.provider->name);
        back_off(ciba, answer != NULL ? answer->retry_after_s : 0);
    } else {
        on_refused(ciba, &fail);
    }
}

static int64_t earliest(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void poll_tokens(struct ciba *ciba)
{
    struct login *login = &ciba->login;
    AUTO_BUFFER struct buffer form = BUFFER_INIT(FORM_MAX);
    struct client_post post = {.provider = login->provider,
                               .url = login->provider->endpoints.token,
                               .form = &form,
                               .deadline_ms =
                                   earliest(login->request->deadline_ms, ciba->expires_ms)};
    struct fail fail = FAIL_INIT;

    form_add(&form, "grant_type", GRANT_TYPE);
    form_add(&form, "auth_req_id", login->auth_req_id);
    if (client_auth_post(&post, &login->call, on_tokens, ciba, &fail) != CPS_OK)
        request_fail(login->request, &fail);
}

static cps_error read_request(struct ciba *ciba, const json_t *json, struct fail *fail)
{
    const char *id = json_get_string(json, "auth_req_id");
    int64_t expires_s = json_get_int(json, "expires_in", CIBA_EXPIRES_S);

    if (id == NULL || id[0] == '\0' || strlen(id) > AUTH_REQ_ID_MAX)
        return fail_reason(fail, CPS_PROVIDER_ANSWER, "auth_req_id", "no auth_req_id");
    ciba->login.auth_req_id = strdup(id);
    if (ciba->login.auth_req_id == NULL)
        return fail_set(fail, CPS_INTERNAL, "out of memory");
    ciba->interval_s = ciba_clamp_interval(json_get_int(json, "interval", CIBA_INTERVAL_S));
    ciba->expires_ms = clock_boot_ms() + ciba_clamp_expires(expires_s) * 1000;
    return CPS_OK;
}

static void on_request(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct ciba *ciba = user;
    AUTO_JSON json_t *json = NULL;
    struct fail fail = FAIL_INIT;

    if (answer == NULL)
        fail = *why;
    else if (answer_read(answer, &json, &fail) == CPS_OK)
        read_request(ciba, json, &fail);
    if (strcmp(fail.reason, "access_denied") == 0)
        fail.code = CPS_LOGIN_REFUSED;
    if (strcmp(fail.reason, "unknown_user_id") == 0)
        fail.code = CPS_PERSON_UNKNOWN;
    if (fail.code != CPS_OK) {
        request_fail(ciba->login.request, &fail);
        return;
    }
    worker_progress(ciba->login.request->id,
                    json_pack("{s:s, s:I}", "state", "pending", "expires_in",
                              (json_int_t)((ciba->expires_ms - clock_boot_ms() + 999) / 1000)));
    poll_later(ciba, ciba->interval_s);
}

/* Rings the phone. once: a request sent twice would ring twice. */
static void ring(struct login *login)
{
    struct ciba *ciba = (struct ciba *)login;
    const struct profile *profile = login->provider->profile;
    AUTO_BUFFER struct buffer form = BUFFER_INIT(FORM_MAX);
    struct client_post post = {.provider = login->provider,
                               .url = login->provider->endpoints.ciba,
                               .form = &form,
                               .deadline_ms = login->request->deadline_ms,
                               .once = true};
    struct fail fail = FAIL_INIT;

    login->started_at = clock_real_s();
    form_add(&form, "scope", profile->scope);
    if (profile->acr_values[0] != '\0')
        form_add(&form, "acr_values", profile->acr_values);
    form_add(&form, "login_hint", login->login_hint);
    form_add(&form, "binding_message", ciba->binding);
    if (profile->psc) /* a parameter of PSC's own */
        form_add(&form, "channel", ciba->channel);
    if (client_auth_post(&post, &login->call, on_request, ciba, &fail) != CPS_OK)
        request_fail(login->request, &fail);
}

/* The name of the parameter that is missing or wrong, or NULL. */
static const char *take_params(struct ciba *ciba, const struct profile *profile,
                               const json_t *params)
{
    const char *hint = json_get_string(params, "login_hint");
    const char *binding = json_get_string(params, "binding_message");
    const char *channel = json_get_string(params, "channel");
    char normal[CIBA_IDENTIFIER_MAX + 1];

    if (hint == NULL || !ciba_normalise(hint, normal))
        return "login_hint";
    if (binding == NULL || !ciba_binding_valid(binding))
        return "binding_message";
    if (channel == NULL)
        channel = profile->channel;
    if (!ciba_channel_valid(channel))
        return "channel";
    snprintf(ciba->binding, sizeof ciba->binding, "%s", binding);
    snprintf(ciba->channel, sizeof ciba->channel, "%s", channel);
    ciba->login.login_hint = strdup(normal);
    return ciba->login.login_hint != NULL ? NULL : "login_hint";
}

void ciba_start(struct request *request, struct provider *provider, const json_t *params)
{
    struct ciba *ciba = calloc(1, sizeof *ciba);
    struct fail fail = FAIL_INIT;
    const char *wrong;

    if (ciba == NULL) {
        fail_set(&fail, CPS_INTERNAL, "out of memory");
        request_fail(request, &fail);
        return;
    }
    login_init(&ciba->login, request, provider);
    request_set_flow(request, ciba, ciba_free, too_late);
    wrong = take_params(ciba, provider->profile, params);
    if (wrong != NULL) {
        end(ciba, CPS_INVALID_PARAMS, wrong, "missing or of the wrong form");
    } else if (!provider->profile->ciba) {
        end(ciba, CPS_CONFIGURATION, "method", "the profile excludes CIBA");
    } else if (request_rings(request->oidcd, provider, ciba->login.login_hint)) {
        end(ciba, CPS_TOO_MANY_REQUESTS, "ciba", "this phone is being rung already");
    } else {
        request->provider = provider;
        request->user_id = ciba->login.login_hint;
        login_prepare(&ciba->login, ring);
    }
}
