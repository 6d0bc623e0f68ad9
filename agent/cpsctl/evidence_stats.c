/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cpsctl/evidence_stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cpsctl/evidence_read.h"
#include "base/json.h"
#include "base/util.h"

struct stats {
    const char *from;
    const char *to;
    int64_t total, ok, strong, psc, statements, tokens;
    json_t *refused;
    json_t *by_method;
    json_t *closed;
    int64_t *durations; /* of logins that succeeded */
    size_t n_durations;
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

static void keep_duration(struct stats *stats, int64_t duration_ms)
{
    int64_t *grown;

    if (duration_ms < 0)
        return;
    grown = realloc(stats->durations, (stats->n_durations + 1) * sizeof *grown);
    if (grown == NULL)
        return;
    stats->durations = grown;
    grown[stats->n_durations++] = duration_ms;
}

/* Straight from it, or by an e-Santé proxy, which has it ask the same person. */
static bool by_psc(const json_t *login)
{
    const char *method = json_get_string(login, "method");

    return json_get_object(login, "psc") != NULL ||
           (method != NULL && strcmp(method, "proxy") == 0);
}

static void count_login(struct stats *stats, const json_t *line)
{
    const char *result = json_get_string(line, "result");

    stats->total++;
    count(stats->by_method, json_get_string(line, "method"));
    if (result == NULL || strcmp(result, "ok") != 0) {
        count(stats->refused, result);
        return;
    }
    stats->ok++;
    stats->strong += has_mfa(json_get_array(line, "amr"));
    stats->psc += by_psc(line);
    keep_duration(stats, json_get_int(line, "duration_ms", -1));
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
    if (strcmp(event, "login") == 0)
        count_login(stats, line);
    else if (strcmp(event, "session_closed") == 0)
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

static json_t *durations(struct stats *stats)
{
    size_t n = stats->n_durations;

    if (n == 0)
        return json_null();
    qsort(stats->durations, n, sizeof stats->durations[0], compare);
    return json_pack("{s:I, s:I}", "median", (json_int_t)stats->durations[n / 2], "p95",
                     (json_int_t)stats->durations[n * 95 / 100]);
}

/* Of the logins that succeeded, between 0 and 1. */
static json_t *share(const struct stats *stats, int64_t n)
{
    return stats->ok > 0 ? json_real((double)n / (double)stats->ok) : json_null();
}

json_t *evidence_stats(const char *directory, const char *from, const char *to)
{
    AUTO_JSON json_t *refused = json_object();
    AUTO_JSON json_t *by_method = json_object();
    AUTO_JSON json_t *closed = json_object();
    struct stats stats = {
        .from = from, .to = to, .refused = refused, .by_method = by_method, .closed = closed};
    int n = evidence_read(directory, count_line, &stats);
    json_t *logins;

    if (n < 0) {
        free(stats.durations);
        errno = -n;
        return NULL;
    }
    logins = json_pack("{s:I, s:I, s:O, s:O, s:I, s:o, s:I, s:o, s:o}", "total",
                       (json_int_t)stats.total, "ok", (json_int_t)stats.ok, "refused", refused,
                       "by_method", by_method, "strong", (json_int_t)stats.strong, "strong_share",
                       share(&stats, stats.strong), "psc", (json_int_t)stats.psc, "psc_share",
                       share(&stats, stats.psc), "duration_ms", durations(&stats));
    free(stats.durations);
    return json_pack("{s:s?, s:s?, s:o, s:{s:O}, s:I, s:I}", "from", from, "to", to, "logins",
                     logins, "sessions", "closed", closed, "statements",
                     (json_int_t)stats.statements, "tokens", (json_int_t)stats.tokens);
}
