/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/cpsctl/evidence_check.h"

#include <errno.h>
#include <string.h>

#include "agent/cpsctl/evidence_read.h"
#include "agent/cpsctl/jws_check.h"
#include "agent/evidence/chain.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

/* A log of which everything is wrong is not listed line by line. */
#define PROBLEMS_MAX 50

struct check {
    const json_t *trusted;
    json_t *declared; /* JWK Set: keys that the log itself names */
    struct evidence_head head;
    int64_t first;
    int64_t purged; /* lines before this one were removed for their age */
    int64_t signed_seq;
    json_t *problems;
    json_t *notes;
};

static void report(json_t *list, const char *kind, const char *what,
                   const struct evidence_line *line, int64_t seq)
{
    json_t *item;

    if (json_array_size(list) >= PROBLEMS_MAX)
        return;
    item = json_pack("{s:s}", kind, what);
    if (line != NULL)
        json_object_update_new(
            item, json_pack("{s:s, s:i}", "file", line->file, "line", (int)line->number));
    if (seq > 0)
        json_object_set_new(item, "seq", json_integer(seq));
    json_array_append_new(list, item);
}

static bool signed_by(const json_t *jwks, const char *jws, json_t **ret_payload)
{
    struct jws_rules rules = {
        .alg = "ES256", .typ = EVIDENCE_TYP, .untimed = true, .now_s = clock_real_s()};
    struct fail fail;

    return jws_check(jws, strlen(jws), jwks, &rules, ret_payload, &fail) == CPS_OK;
}

/* The signature repeats what it signs; one by a key that only the log vouches for proves little. */
static void check_signature(struct check *check, const struct evidence_line *line,
                            const json_t *object, int64_t seq)
{
    static const char *const repeated[] = {"seq", "prev", "at", "station"};
    const char *jws = json_get_string(object, "jws");
    AUTO_JSON json_t *payload = NULL;
    bool trusted = jws != NULL && signed_by(check->trusted, jws, &payload);
    bool good = trusted || (jws != NULL && signed_by(check->declared, jws, &payload));

    for (size_t i = 0; i < sizeof repeated / sizeof repeated[0]; i++)
        good = good && json_equal(json_object_get(payload, repeated[i]),
                                  json_object_get(object, repeated[i]));
    if (!good)
        report(check->problems, "problem", "signature", line, seq);
    else if (trusted)
        check->signed_seq = seq;
}

static void check_event(struct check *check, const struct evidence_line *line, const json_t *object,
                        int64_t seq)
{
    const char *event = json_get_string(object, "event");

    if (event == NULL)
        report(check->problems, "problem", "unreadable", line, seq);
    else if (strcmp(event, EVIDENCE_CHECKPOINT) == 0)
        check_signature(check, line, object, seq);
    else if (strcmp(event, EVIDENCE_ROLLBACK) == 0)
        report(check->problems, "problem", EVIDENCE_ROLLBACK, line, seq);
    else if (strcmp(event, "purge") == 0)
        check->purged = json_get_int(object, "first_kept", 0);
    else if (strcmp(event, "lost") == 0 || strcmp(event, "damage") == 0)
        report(check->notes, "note", event, line, seq);
}

/* A line may be signed by a key that the log names a little later: all keys are read first. */
static bool collect_key(void *user, const struct evidence_line *line)
{
    struct check *check = user;
    AUTO_JSON json_t *object =
        line->len < EVIDENCE_LINE_MAX ? json_parse_strict(line->text, line->len) : NULL;
    json_t *key = json_get_object(object, "key");

    if (key != NULL)
        json_array_append(json_get_array(check->declared, "keys"), key);
    return true;
}

static bool check_line(void *user, const struct evidence_line *line)
{
    struct check *check = user;
    AUTO_JSON json_t *object =
        line->len < EVIDENCE_LINE_MAX ? json_parse_strict(line->text, line->len) : NULL;
    int64_t seq = json_get_int(object, "seq", 0);
    const char *prev = json_get_string(object, "prev");

    if (line->torn) { /* the next file goes on from the line before it */
        report(check->notes, "note", "torn", line, 0);
        return true;
    }
    if (seq < 1 || prev == NULL) {
        report(check->problems, "problem", "unreadable", line, 0);
        return true;
    }
    if (check->first == 0)
        check->first = seq;
    else if (seq != check->head.seq + 1)
        report(check->problems, "problem", "order", line, seq);
    if ((check->first != seq || seq == 1) && strcmp(prev, check->head.hash) != 0)
        report(check->problems, "problem", "chain", line, seq);
    check_event(check, line, object, seq);
    check->head.seq = seq;
    (void)evidence_hash_line(line->text, line->len, check->head.hash);
    return true;
}

static void check_ends(struct check *check, int64_t written)
{
    if (check->first == 0) {
        report(check->problems, "problem", "empty", NULL, 0);
        return;
    }
    if (check->first > 1 && check->purged < check->first)
        report(check->problems, "problem", "beginning", NULL, check->first);
    if (written > check->head.seq)
        report(check->problems, "problem", "end", NULL, written);
    if (check->signed_seq == 0)
        report(check->problems, "problem", "unsigned", NULL, 0);
}

json_t *evidence_check(const char *directory, const json_t *jwks, int64_t written)
{
    AUTO_JSON json_t *declared = json_pack("{s:[]}", "keys");
    AUTO_JSON json_t *problems = json_array();
    AUTO_JSON json_t *notes = json_array();
    struct check check = {
        .trusted = jwks, .declared = declared, .problems = problems, .notes = notes};
    int n;

    (void)evidence_hash_line("", 0, check.head.hash);
    n = evidence_read(directory, collect_key, &check);
    if (n >= 0)
        n = evidence_read(directory, check_line, &check);
    if (n < 0) {
        errno = -n;
        return NULL;
    }
    check_ends(&check, written);
    return json_pack("{s:b, s:I, s:I, s:I, s:i, s:O, s:O}", "valid", json_array_size(problems) == 0,
                     "first", (json_int_t)check.first, "last", (json_int_t)check.head.seq, "signed",
                     (json_int_t)check.signed_seq, "files", n, "problems", problems, "notes",
                     notes);
}
