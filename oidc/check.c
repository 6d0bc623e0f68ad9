/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"
#include "oidc/answer.h"
#include "oidc/check_compare.h"
#include "oidc/client_auth.h"
#include "oidc/loopback_bind.h"
#include "oidc/pkce.h"

struct check {
    struct request *request;
    struct provider *provider;
    struct http_call *call;
    struct endpoints endpoints;
    json_t *findings;
    const char *asked; /* what is being waited for, as a code of a finding */
    int64_t asked_ms;
};

static void check_free(void *flow)
{
    struct check *check = flow;

    http_cancel(&check->call);
    endpoints_done(&check->endpoints);
    json_decref(check->findings);
    free(check);
}

static void finish(struct check *check)
{
    const struct profile *profile = check->provider->profile;
    json_t *result =
        json_pack("{s:s, s:O}", "provider", check->provider->name, "findings", check->findings);
    bool ok = true;
    size_t i;
    const json_t *one;

    json_array_foreach (check->findings, i, one)
        ok = ok && strcmp(json_get_string(one, "level"), "problem") != 0;
    json_object_set_new(result, "ok", json_boolean(ok));
    if (profile != NULL) {
        json_object_set_new(result, "kind", json_string(profile_kind_name(profile->kind)));
        json_object_set_new(result, "issuer", json_string(profile->issuer));
    }
    request_reply(check->request, result);
}

static void too_late(void *flow)
{
    struct check *check = flow;

    finding_add(check->findings, FINDING_PROBLEM, "timeout", check->asked);
    finish(check);
}

static void answered(struct check *check, const char *code, const char *what)
{
    char text[64];

    snprintf(text, sizeof text, "%s%s%" PRId64 " ms", what, what[0] != '\0' ? ", " : "",
             clock_boot_ms() - check->asked_ms);
    finding_add(check->findings, FINDING_OK, code, text);
}

static bool get(struct check *check, const char *what, const char *url, http_done_fn *done)
{
    struct http_request request = {.provider = check->provider,
                                   .url = url,
                                   .accept = HTTP_ACCEPT_JSON,
                                   .deadline_ms = check->request->deadline_ms};
    struct fail fail = FAIL_INIT;

    check->asked = what;
    check->asked_ms = clock_boot_ms();
    if (http_start(check->provider->http, &request, &check->call, done, check, &fail) == CPS_OK)
        return true;
    finding_add_fail(check->findings, what, &fail);
    return false;
}

/*
 * A token that nobody has: a provider looks at the client first (RFC 6749 section 5.2), so what it
 * says tells whether it knows ours.
 */
static void on_client(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct check *check = user;
    AUTO_JSON json_t *ignored = NULL;
    struct fail fail = FAIL_INIT;

    if (answer == NULL)
        fail = *why;
    else
        answer_read(answer, &ignored, &fail);
    if (strcmp(fail.reason, "invalid_grant") == 0)
        answered(check, "client", "");
    else if (fail.code == CPS_PROVIDER_CLIENT)
        finding_add_fail(check->findings, "client_refused", &fail);
    else
        finding_add(check->findings, FINDING_NOTE, "client_unknown", fail.reason);
    finish(check);
}

static void try_client(struct check *check)
{
    AUTO_BUFFER struct buffer form = BUFFER_INIT(FORM_MAX);
    struct client_post post = {.provider = check->provider,
                               .url = check->endpoints.token,
                               .form = &form,
                               .deadline_ms = check->request->deadline_ms};
    char token[PKCE_VALUE_SIZE];
    struct fail fail = FAIL_INIT;

    check->asked = "client";
    check->asked_ms = clock_boot_ms();
    if (!pkce_random(token))
        fail_set(&fail, CPS_INTERNAL, "no random numbers");
    form_add(&form, "grant_type", "refresh_token");
    form_add(&form, "refresh_token", token);
    if (fail.code == CPS_OK &&
        client_auth_post(&post, &check->call, on_client, check, &fail) == CPS_OK)
        return;
    finding_add_fail(check->findings, "client_refused", &fail);
    finish(check);
}

static void on_keys(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct check *check = user;
    AUTO_JSON json_t *set = NULL;
    AUTO_JWKS struct jwks *keys = NULL;
    struct fail fail = FAIL_INIT;

    if (answer == NULL)
        fail = *why;
    else if (answer_read(answer, &set, &fail) == CPS_OK)
        jwks_read(set, &keys, &fail);
    if (keys != NULL)
        answered(check, "keys", "");
    else
        finding_add_fail(check->findings, "keys_wrong", &fail);
    try_client(check);
}

static void on_discovery(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct check *check = user;
    const struct profile *profile = check->provider->profile;
    AUTO_JSON json_t *document = NULL;
    struct fail fail = FAIL_INIT;

    if (answer == NULL)
        fail = *why;
    else
        answer_read(answer, &document, &fail);
    if (document == NULL) {
        finding_add_fail(check->findings, "discovery_wrong", &fail);
        if (answer != NULL)
            check_clock(profile, answer->date_at, check->findings);
        finish(check);
        return;
    }
    answered(check, "discovery", "");
    check_clock(profile, answer->date_at, check->findings);
    check_compare(profile, document, check->findings);
    if (discovery_read(profile, document, &check->endpoints, &fail) != CPS_OK) {
        finding_add_fail(check->findings, "discovery_outside", &fail);
        finish(check);
    } else if (!get(check, "keys_wrong", check->endpoints.jwks, on_keys)) {
        finish(check);
    }
}

/* Its API has nothing that asks nothing: any answer shows that it is there. */
static void on_proxy(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct check *check = user;

    if (answer == NULL) {
        finding_add_fail(check->findings, "no_answer", why);
    } else {
        answered(check, "answers", "");
        check_clock(check->provider->profile, answer->date_at, check->findings);
    }
    finish(check);
}

/* A login would need it; another one that is under way has it for now. */
static void try_redirect(struct check *check)
{
    struct loopback_sockets sockets = {.fds = {-1, -1}};
    struct fail fail = FAIL_INIT;

    if (!check->provider->profile->browser)
        return;
    if (loopback_bind(check->provider->profile, &sockets, &fail) != CPS_OK) {
        finding_add_fail(check->findings, "redirect_taken", &fail);
        return;
    }
    for (int i = 0; i < LOOPBACK_SOCKETS; i++)
        if (sockets.fds[i] >= 0)
            close(sockets.fds[i]);
    finding_add(check->findings, FINDING_OK, "redirect", NULL);
}

void check_start(struct request *request, struct provider *provider)
{
    struct check *check = calloc(1, sizeof *check);
    struct fail fail = FAIL_INIT;

    if (check == NULL) {
        fail_set(&fail, CPS_INTERNAL, "out of memory");
        request_fail(request, &fail);
        return;
    }
    check->request = request;
    check->provider = provider;
    check->findings = json_array();
    request_set_flow(request, check, check_free, too_late);
    if (provider->profile == NULL) {
        finding_add_fail(check->findings, "profile_wrong", &provider->fail);
        finish(check);
        return;
    }
    finding_add(check->findings, FINDING_OK, "profile", NULL);
    if (provider->profile->kind == PROFILE_ESANTE_PROXY) {
        if (!get(check, "no_answer", provider->profile->issuer, on_proxy))
            finish(check);
        return;
    }
    try_redirect(check);
    if (!get(check, "discovery_wrong", provider->profile->discovery_url, on_discovery))
        finish(check);
}
