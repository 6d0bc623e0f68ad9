/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/metadata.h"

#include <stddef.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "oidc/answer.h"
#include "oidc/http.h"

/* Longest pause after a failed fetch before old metadata is asked for again. */
#define RETRY_MS  60000
#define MINUTE_MS 60000

static void on_jwks(void *user, const struct http_answer *answer, const struct fail *why);
static void on_discovery(void *user, const struct http_answer *answer, const struct fail *why);

static cps_error get(struct provider *provider, const char *url, http_done_fn *done,
                     struct fail *fail)
{
    struct http_request request = {
        .provider = provider, .url = url, .accept = HTTP_ACCEPT_JSON, .deadline_ms = CLOCK_NEVER};

    provider->metadata.asked_ms = clock_boot_ms();
    return http_start(provider->http, &request, &provider->metadata.flight.call, done, provider,
                      fail);
}

static void land(struct provider *provider, struct fail *fail, const char *document)
{
    char text[512];

    if (fail == NULL) {
        flight_land(&provider->metadata.flight, NULL);
        return;
    }
    fail_add(fail, "%s of %s", document, provider->name);
    fail_describe(fail, text, sizeof text);
    log_warning("%s", text);
    flight_land(&provider->metadata.flight, fail);
}

static cps_error read_answer(const struct http_answer *answer, const struct fail *why,
                             json_t **ret_json, struct fail *fail)
{
    if (answer != NULL)
        return answer_read(answer, ret_json, fail);
    *fail = *why;
    return fail->code;
}

static void on_discovery(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct provider *provider = user;
    AUTO_JSON json_t *document = NULL;
    struct fail fail = FAIL_INIT;

    if (read_answer(answer, why, &document, &fail) != CPS_OK ||
        discovery_read(provider->profile, document, &provider->endpoints, &fail) != CPS_OK ||
        get(provider, provider->endpoints.jwks, on_jwks, &fail) != CPS_OK)
        land(provider, &fail, "discovery document");
}

static void on_jwks(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct provider *provider = user;
    AUTO_JSON json_t *set = NULL;
    struct jwks *keys = NULL;
    struct fail fail = FAIL_INIT;

    if (read_answer(answer, why, &set, &fail) != CPS_OK || jwks_read(set, &keys, &fail) != CPS_OK) {
        land(provider, &fail, "key set");
        return;
    }
    jwks_free(provider->keys);
    provider->keys = keys;
    provider->metadata.fetched_ms = clock_boot_ms();
    land(provider, NULL, NULL);
}

static bool under_way(const struct provider *provider)
{
    return provider->metadata.flight.call != NULL;
}

bool metadata_ready(struct provider *provider)
{
    int64_t now = clock_boot_ms();
    int64_t age_ms = provider->profile->metadata_age_s * 1000;
    int64_t pause_ms = age_ms < RETRY_MS ? age_ms : RETRY_MS;
    struct fail fail = FAIL_INIT;

    if (provider->endpoints.token == NULL || provider->keys == NULL)
        return false;
    if (now - provider->metadata.fetched_ms > age_ms &&
        now - provider->metadata.asked_ms > pause_ms && !under_way(provider))
        (void)get(provider, provider->profile->discovery_url, on_discovery, &fail);
    return true;
}

cps_error metadata_fetch(struct provider *provider, struct waiter *waiter, flight_done_fn *done,
                         void *user, struct fail *fail)
{
    cps_error error = CPS_OK;

    if (!under_way(provider))
        error = get(provider, provider->profile->discovery_url, on_discovery, fail);
    if (error == CPS_OK)
        flight_join(&provider->metadata.flight, waiter, done, user);
    return error;
}

/* Counts one more key fetch in the current minute. */
static bool within_rate(struct metadata *metadata)
{
    int64_t now = clock_boot_ms();

    if (metadata->window_ms == 0 || now - metadata->window_ms >= MINUTE_MS) {
        metadata->window_ms = now;
        metadata->window_n = 0;
    }
    return metadata->window_n++ < METADATA_KEY_FETCHES_MAX;
}

bool metadata_fetch_keys(struct provider *provider, struct waiter *waiter, flight_done_fn *done,
                         void *user)
{
    struct fail fail = FAIL_INIT;

    if (!under_way(provider) && (!within_rate(&provider->metadata) ||
                                 get(provider, provider->endpoints.jwks, on_jwks, &fail) != CPS_OK))
        return false;
    flight_join(&provider->metadata.flight, waiter, done, user);
    return true;
}
