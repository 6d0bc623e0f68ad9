/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cpsctl/evidence_stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cpsctl/evidence_read.h"
#include "base/json.h"
#include "base/util.h"

/* Events in which a person proves who they are, or tries to, and what their counts are called. */
static const char *const proof_events[][2] = {
    {"login", "logins"}, {"unlock", "unlocks"}, {"step_up", "step_ups"}};
#define N_PROOFS (sizeof proof_events / sizeof proof_events[0])

/* Those of one event. */
struct proofs {
    int64_t total, ok, strong, psc;
    json_t *refused;
    json_t *by_method;
    int64_t *durations; /* of those that succeeded */
    size_t n_durations;
};

struct stats {
    const char *from;
    const char *to;
    struct proofs proofs[N_PROOFS];
    json_t *closed;
    int64_t statements, tokens;
};

bool evidence_in_period(const char *at, const char *from, const char *to)
{
    return at != NULL && (from == NULL || strcmp(at, from) >= 0) &&
           (to == NULL || strncmp(at, to, strlen(to)) <= 0);
}

static void count(json_t *counts, const char *name)
{
    if (name != NULL)
        json_object_set_new(counts, name, json_integer(json_get_int(counts, name, 0) + 1));
}

static bool has_mfa(const json_t *amr)
{
    const json_t *item;
    size_t i;

    json_array_foreach (amr, i, item)
        if (json_is_string(item) && strcmp(json_string_value(item), "mfa") == 0)
            return true;
    return false;
}

static void keep_duration(struct proofs *proofs, int64_t duration_ms)
{
    int64_t *grown;

    if (duration_ms < 0)
        return;
    grown = realloc(proofs->durations, (proofs->n_durations + 1) * sizeof *grown);
    if (grown == NULL)
        return;
    proofs->durations = grown;
    grown[proofs->n_durations++] = duration_ms;
}

/*
 * Straight from it, or by an e-Santé proxy, which has it ask the same person. A session that it
 * opened and a card unlocks still has a part "psc": that unlock is not by it.
 */
static bool by_psc(const json_t *line)
{
    const char *method = json_get_string(line, "method");

    if (method == NULL || strcmp(method, "card") == 0)
        return false;
    return json_get_object(line, "psc") != NULL || strcmp(method, "proxy") == 0;
}

static void count_proof(struct proofs *proofs, const json_t *line)
{
    const char *result = json_get_string(line, "result");

    proofs->total++;
    count(proofs->by_method, json_get_string(line, "method"));
    if (result == NULL || strcmp(result, "ok") != 0) {
        count(proofs->refused, result);
        return;
    }
    proofs->ok++;
    proofs->strong += has_mfa(json_get_array(line, "amr"));
    proofs->psc += by_psc(line);
    keep_duration(proofs, json_get_int(line, "duration_ms", -1));
}

/* What was refused was not given. */
static bool was_given(const json_t *line)
{
    const char *result = json_get_string(line, "result");

    return result == NULL || strcmp(result, "ok") == 0;
}

static bool count_line(void *user, const struct evidence_line *text)
{
    struct stats *stats = user;
    AUTO_JSON json_t *line = json_parse_strict(text->text, text->len);
    const char *event = json_get_string(line, "event");

    if (event == NULL || !evidence_in_period(json_get_string(line, "at"), stats->from, stats->to))
        return true;
    for (size_t i = 0; i < N_PROOFS; i++)
        if (strcmp(event, proof_events[i][0]) == 0)
            count_proof(&stats->proofs[i], line);
    if (strcmp(event, "session_closed") == 0)
        count(stats->closed, json_get_string(line, "reason"));
    else if (strcmp(event, "statement") == 0)
        stats->statements += was_given(line);
    else if (strcmp(event, "token") == 0)
        stats->tokens += was_given(line);
    else if (strcmp(event, "token_count") == 0)
        stats->tokens += json_get_int(line, "count", 0);
    return true;
}

static int compare(const void *a, const void *b)
{
    int64_t first, second;

    memcpy(&first, a, sizeof first);
    memcpy(&second, b, sizeof second);
    return (first > second) - (first < second);
}

static json_t *durations(struct proofs *proofs)
{
    size_t n = proofs->n_durations;

    if (n == 0)
        return json_null();
    qsort(proofs->durations, n, sizeof proofs->durations[0], compare);
    return json_pack("{s:I, s:I}", "median", (json_int_t)proofs->durations[n / 2], "p95",
                     (json_int_t)proofs->durations[n * 95 / 100]);
}

/* Of those that succeeded, between 0 and 1. */
static json_t *share(const struct proofs *proofs, int64_t n)
{
    return proofs->ok > 0 ? json_real((double)n / (double)proofs->ok) : json_null();
}

static json_t *proofs_json(struct proofs *proofs)
{
    return json_pack("{s:I, s:I, s:O, s:O, s:I, s:o, s:I, s:o, s:o}", "total",
                     (json_int_t)proofs->total, "ok", (json_int_t)proofs->ok, "refused",
                     proofs->refused, "by_method", proofs->by_method, "strong",
                     (json_int_t)proofs->strong, "strong_share", share(proofs, proofs->strong),
                     "psc", (json_int_t)proofs->psc, "psc_share", share(proofs, proofs->psc),
                     "duration_ms", durations(proofs));
}

static void stats_done(struct stats *stats)
{
    for (size_t i = 0; i < N_PROOFS; i++) {
        json_decref(stats->proofs[i].refused);
        json_decref(stats->proofs[i].by_method);
        free(stats->proofs[i].durations);
    }
    json_decref(stats->closed);
}

json_t *evidence_stats(const char *directory, const char *from, const char *to)
{
    struct stats stats = {.from = from, .to = to, .closed = json_object()};
    json_t *result = NULL;
    int n;

    for (size_t i = 0; i < N_PROOFS; i++) {
        stats.proofs[i].refused = json_object();
        stats.proofs[i].by_method = json_object();
    }
    n = evidence_read(directory, count_line, &stats);
    if (n >= 0)
        result = json_pack("{s:s?, s:s?, s:{s:O}, s:I, s:I}", "from", from, "to", to, "sessions",
                           "closed", stats.closed, "statements", (json_int_t)stats.statements,
                           "tokens", (json_int_t)stats.tokens);
    for (size_t i = 0; result != NULL && i < N_PROOFS; i++)
        json_object_set_new(result, proof_events[i][1], proofs_json(&stats.proofs[i]));
    stats_done(&stats);
    if (n < 0)
        errno = -n;
    return result;
}
