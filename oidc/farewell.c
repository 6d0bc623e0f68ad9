/* SPDX-License-Identifier: Apache-2.0 */
#include "oidc/farewell.h"

#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/util.h"
#include "base/worker.h"
#include "oidc/buffer.h"
#include "oidc/esante_http.h"
#include "oidc/logout.h"

/* Pauses between tries, and how long a session at a provider may live without us. */
#define PAUSE_MIN_S 2
#define PAUSE_MAX_S 600
#define LIFE_S      (4 * 3600)

struct farewell {
    struct farewell *next;
    struct oidcd *oidcd;
    struct provider *provider;
    struct farewell_words words;
    struct http_call *call;
    sd_event_source *timer;
    int64_t pause_s;
    int64_t until_ms;
    unsigned tries;
};

static void say_next(struct farewell *farewell);

static void farewell_free(struct farewell *farewell)
{
    struct farewell **link = &farewell->oidcd->farewells;

    while (*link != farewell)
        link = &(*link)->next;
    *link = farewell->next;
    farewell->oidcd->n_farewells--;
    http_cancel(&farewell->call);
    sd_event_source_disable_unref(farewell->timer);
    tokens_done(&farewell->words.tokens);
    secret_free(farewell->words.cookie);
    free(farewell);
}

void farewell_report(const struct provider *provider, bool ended, unsigned tries)
{
    worker_event("logout", json_pack("{s:s, s:b, s:i}", "provider", provider->name, "ended", ended,
                                     "tries", (int)tries));
}

static void finish(struct farewell *farewell, bool ended)
{
    log_info("%s %s told of a logout, after %u tries", farewell->provider->name,
             ended ? "was" : "could not be", farewell->tries);
    farewell_report(farewell->provider, ended, farewell->tries);
    farewell_free(farewell);
}

static int on_timer(sd_event_source *source, uint64_t usec, void *user)
{
    struct farewell *farewell = user;

    (void)source;
    (void)usec;
    farewell->tries++;
    say_next(farewell);
    return 0;
}

/* Later by a pause that doubles, and up to a half more: desks that lost one network are many. */
static void try_later(struct farewell *farewell)
{
    uint16_t random = 0;
    int64_t pause_ms;

    (void)RAND_bytes((unsigned char *)&random, sizeof random);
    pause_ms = farewell->pause_s * 1000 + farewell->pause_s * 500 * random / UINT16_MAX;
    farewell->pause_s = farewell->pause_s < PAUSE_MAX_S / 2 ? 2 * farewell->pause_s : PAUSE_MAX_S;
    farewell->timer = sd_event_source_disable_unref(farewell->timer);
    if (clock_boot_ms() + pause_ms > farewell->until_ms ||
        sd_event_add_time_relative(farewell->oidcd->event, &farewell->timer, CLOCK_BOOTTIME,
                                   (uint64_t)pause_ms * 1000, 0, on_timer, farewell) < 0)
        finish(farewell, false);
}

/* Any answer but a failure of the server was heard: asking again would change nothing. */
static void on_said(void *user, const struct http_answer *answer, const struct fail *why)
{
    struct farewell *farewell = user;
    struct tokens *tokens = &farewell->words.tokens;

    (void)why;
    if (!logout_heard(answer)) {
        try_later(farewell);
        return;
    }
    if (farewell->words.cookie != NULL) {
        secret_free(farewell->words.cookie);
        farewell->words.cookie = NULL;
    } else if (tokens->id_token != NULL) {
        wipe_free(tokens->id_token);
        tokens->id_token = NULL;
    } else {
        secret_free(tokens->refresh_token);
        tokens->refresh_token = NULL;
    }
    say_next(farewell);
}

static void say_next(struct farewell *farewell)
{
    const struct tokens *tokens = &farewell->words.tokens;
    struct esante_request disconnect = {.provider = farewell->provider,
                                        .method = "DELETE",
                                        .path = "/disconnect",
                                        .cookie = farewell->words.cookie,
                                        .accept = "application/json",
                                        .deadline_ms = CLOCK_NEVER};
    struct fail fail = FAIL_INIT;
    cps_error error;

    if (farewell->words.cookie != NULL)
        error = esante_http(&disconnect, &farewell->call, on_said, farewell, &fail);
    else if (tokens->id_token != NULL)
        error = logout_end_session(farewell->provider, tokens, CLOCK_NEVER, &farewell->call,
                                   on_said, farewell, &fail);
    else if (tokens->refresh_token != NULL)
        error = logout_revoke(farewell->provider, tokens, CLOCK_NEVER, &farewell->call, on_said,
                              farewell, &fail);
    else {
        finish(farewell, true);
        return;
    }
    if (error != CPS_OK)
        try_later(farewell);
}

static void give_up_oldest(struct oidcd *oidcd)
{
    struct farewell *oldest = oidcd->farewells;

    while (oldest->next != NULL)
        oldest = oldest->next;
    finish(oldest, false);
}

void farewell_add(struct oidcd *oidcd, struct provider *provider, struct farewell_words *words)
{
    struct farewell *farewell = calloc(1, sizeof *farewell);

    if (farewell == NULL) {
        tokens_done(&words->tokens);
        secret_free(words->cookie);
        return;
    }
    if (oidcd->n_farewells >= FAREWELLS_MAX)
        give_up_oldest(oidcd);
    *farewell = (struct farewell){.next = oidcd->farewells,
                                  .oidcd = oidcd,
                                  .provider = provider,
                                  .words = *words,
                                  .pause_s = PAUSE_MIN_S,
                                  .until_ms = clock_boot_ms() + (int64_t)LIFE_S * 1000,
                                  .tries = 1};
    *words = (struct farewell_words){0};
    oidcd->farewells = farewell;
    oidcd->n_farewells++;
    try_later(farewell);
}

void farewells_withdraw(struct oidcd *oidcd, const struct provider *provider, const char *sid)
{
    struct farewell *next;

    for (struct farewell *farewell = oidcd->farewells; farewell != NULL; farewell = next) {
        next = farewell->next;
        if (farewell->provider == provider && sid[0] != '\0' &&
            strcmp(farewell->words.sid, sid) == 0)
            farewell_free(farewell);
    }
}

void farewells_drop(struct oidcd *oidcd)
{
    while (oidcd->farewells != NULL)
        farewell_free(oidcd->farewells);
}
