/* SPDX-License-Identifier: Apache-2.0 */
/* What cpsctl audit verify says of a log, signed by keys that it knows, or that the log names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cpsctl/evidence_check.h"
#include "agent/evidence/chain.h"
#include "agent/keys.h"
#include "base/json.h"
#include "base/util.h"

static char directory[64];
static struct keys *station, *stranger;
static struct evidence_head head; /* the last line written */

static struct keys *new_keys(const char *name)
{
    char path[128];
    struct fail fail;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return keys_new(path, &fail);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/cps-test-check-XXXXXX");
    if (mkdtemp(directory) == NULL)
        return -1;
    station = new_keys("station");
    stranger = new_keys("stranger");
    head.seq = 0;
    evidence_hash_line("", 0, head.hash);
    return station != NULL && stranger != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const files[] = {"station/" KEYS_STATEMENT_FILE,
                                        "station/" KEYS_PSEUDONYM_FILE,
                                        "stranger/" KEYS_STATEMENT_FILE,
                                        "stranger/" KEYS_PSEUDONYM_FILE,
                                        "station",
                                        "stranger",
                                        "evidence-000000000001.jsonl",
                                        "evidence-000000000003.jsonl"};
    char path[128];

    (void)state;
    keys_free(station);
    keys_free(stranger);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        remove(path);
    }
    return rmdir(directory);
}

/* Adds a line to the file that begins with that one; event is stolen. */
static void put(int64_t file_seq, int64_t seq, const char *prev, json_t *event)
{
    AUTO_JSON json_t *owned = event;
    AUTO_FREE char *line = NULL;
    char name[EVIDENCE_NAME_LEN], path[128];
    FILE *file;

    json_object_set_new(owned, "seq", json_integer(seq));
    json_object_set_new(owned, "prev", json_string(prev));
    line = json_dumps(owned, JSON_COMPACT);
    evidence_file_name(file_seq, name);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "ae");
    assert_non_null(file);
    assert_true(fprintf(file, "%s\n", line) > 0);
    fclose(file);
    head.seq = seq;
    evidence_hash_line(line, strlen(line), head.hash);
}

static void next(json_t *event)
{
    char prev[EVIDENCE_HASH_LEN + 1];

    memcpy(prev, head.hash, sizeof prev);
    put(1, head.seq + 1, prev, event);
}

static json_t *event_of(const char *name)
{
    return json_pack("{s:s, s:s, s:s}", "event", name, "at", "2026-01-01T00:00:00Z", "station",
                     "poste-1");
}

/* A signature of the next line; one of its members may be another than the line's. */
static json_t *checkpoint(struct keys *by, const char *other, json_t *value)
{
    AUTO_JSON json_t *payload =
        json_pack("{s:I, s:s, s:s, s:s}", "seq", (json_int_t)head.seq + 1, "prev", head.hash, "at",
                  "2026-01-01T00:00:00Z", "station", "poste-1");
    AUTO_FREE char *jws = NULL;
    json_t *event = event_of(EVIDENCE_CHECKPOINT);

    if (other != NULL)
        json_object_set_new(payload, other, value);
    jws = keys_sign(by, EVIDENCE_TYP, payload);
    json_object_set_new(event, "jws", json_string(jws));
    return event;
}

static json_t *check(int64_t written)
{
    AUTO_JSON json_t *trusted = keys_jwks(station);
    json_t *report = evidence_check(directory, trusted, written);

    assert_non_null(report);
    return report;
}

/* The only problem; "" when the log is valid. */
static void expect_of(int64_t written, const char *problem)
{
    AUTO_JSON json_t *report = check(written);
    const json_t *problems = json_get_array(report, "problems");
    const char *first = json_get_string(json_array_get(problems, 0), "problem");

    assert_int_equal(json_get_bool(report, "valid", true), problem[0] == '\0');
    assert_int_equal(json_array_size(problems), problem[0] == '\0' ? 0 : 1);
    assert_string_equal(first != NULL ? first : "", problem);
}

static void expect(const char *problem)
{
    expect_of(0, problem);
}

static void a_good_log(void **state)
{
    AUTO_JSON json_t *report = NULL;

    (void)state;
    next(event_of("start"));
    next(checkpoint(station, NULL, NULL));
    next(event_of("login"));
    expect("");
    expect_of(3, "");
    expect_of(4, "end");
    report = check(0);
    assert_int_equal(json_get_int(report, "first", 0), 1);
    assert_int_equal(json_get_int(report, "last", 0), 3);
    assert_int_equal(json_get_int(report, "signed", 0), 2);
}

/* A signature is of its own line: one that was made for another is none. */
static void signatures_of_other_lines(void **state)
{
    static const char *const members[] = {"seq", "prev", "at", "station"};

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        next(checkpoint(station, NULL, NULL));
        next(checkpoint(station, members[i], json_string("another")));
        expect("signature");
        tear_down(state);
        assert_int_equal(set_up(state), 0);
    }
    next(checkpoint(station, NULL, NULL));
    next(event_of(EVIDENCE_CHECKPOINT)); /* without any */
    expect("signature");
}

/* Whoever writes the log anew can name a key of their own in it, and sign with that. */
static void a_key_that_only_the_log_vouches_for(void **state)
{
    AUTO_JSON json_t *jwks = keys_jwks(stranger);
    json_t *started = event_of("start");
    AUTO_JSON json_t *report = NULL;

    (void)state;
    next(checkpoint(stranger, NULL, NULL));
    report = check(0); /* of a key that nobody names, and so not signed at all */
    assert_int_equal(json_array_size(json_get_array(report, "problems")), 2);
    json_object_set(started, "key", json_array_get(json_get_array(jwks, "keys"), 0));
    next(started);
    expect("unsigned"); /* it fits the key, which proves nothing by itself */
    next(checkpoint(station, NULL, NULL));
    expect(""); /* a key of before, which the station's own covers */
    json_decref(report);
    report = check(0);
    assert_int_equal(json_get_int(report, "signed", 0), 3);
}

static void lines_that_do_not_follow(void **state)
{
    (void)state;
    put(1, 1, "another", checkpoint(station, "prev", json_string("another")));
    expect("chain"); /* the first line of all has nothing before it */
    tear_down(state);
    assert_int_equal(set_up(state), 0);
    next(checkpoint(station, NULL, NULL));
    put(1, 2, "another", event_of("login"));
    expect("chain");
    tear_down(state);
    assert_int_equal(set_up(state), 0);
    next(checkpoint(station, NULL, NULL));
    put(1, 3, head.hash, event_of("login"));
    expect("order");
}

static void what_a_log_says_of_itself(void **state)
{
    AUTO_JSON json_t *report = NULL;

    (void)state;
    next(checkpoint(station, NULL, NULL));
    next(event_of("lost"));
    next(event_of("damage"));
    expect("");
    report = check(0);
    assert_int_equal(json_array_size(json_get_array(report, "notes")), 2);
    next(event_of(EVIDENCE_ROLLBACK));
    expect("rollback");
    next(json_object()); /* nothing says what happened */
    json_decref(report);
    report = check(0);
    assert_int_equal(json_array_size(json_get_array(report, "problems")), 2);
}

/* A log may begin later than it did when it says itself which lines were removed, and no fewer. */
static void what_was_removed_for_its_age(void **state)
{
    static const struct {
        int64_t first_kept;
        const char *problem;
    } cases[] = {{0, "beginning"}, {2, "beginning"}, {3, ""}, {4, ""}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *purge = event_of("purge");

        json_object_set_new(purge, "first_kept", json_integer(cases[i].first_kept));
        head.seq = 2;
        put(3, 3, "of a line that is gone", purge);
        {
            char prev[EVIDENCE_HASH_LEN + 1];

            memcpy(prev, head.hash, sizeof prev);
            put(3, 4, prev, checkpoint(station, NULL, NULL));
        }
        expect(cases[i].problem);
        tear_down(state);
        assert_int_equal(set_up(state), 0);
    }
}

#define WITH_KEYS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_KEYS(a_good_log),
        WITH_KEYS(signatures_of_other_lines),
        WITH_KEYS(a_key_that_only_the_log_vouches_for),
        WITH_KEYS(lines_that_do_not_follow),
        WITH_KEYS(what_a_log_says_of_itself),
        WITH_KEYS(what_was_removed_for_its_age),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
