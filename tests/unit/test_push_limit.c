/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/push_limit.h"
#include "agent/push_memory.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"
#include "tests/unit/fake_state_store.h"

#define HOUR_MS 3600000
#define NOW_S   1700000000

#define PERSON "899700000001"

static char directory[64];
static struct state_store store = {.directory = directory};
static char path[96];
static struct keys *keys;

static int set_up(void **state)
{
    struct fail fail;

    (void)state;
    snprintf(directory, sizeof directory, "/tmp/pushes-XXXXXX");
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/" PUSH_MEMORY_FILE, directory);
    keys = keys_new(directory, &fail);
    return keys == NULL;
}

static int tear_down(void **state)
{
    static const char *const names[] = {KEYS_STATEMENT_FILE, KEYS_PSEUDONYM_FILE, PUSH_MEMORY_FILE,
                                        PUSH_MEMORY_FILE ".damaged"};
    char name[128];

    (void)state;
    keys_free(keys);
    clock_fake(-1, -1);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(name, sizeof name, "%s/%s", directory, names[i]);
        unlink(name);
    }
    return rmdir(directory);
}

static struct push_limit *new_limit(unsigned per_hour)
{
    struct push_limit *limit = push_limit_new(per_hour, directory, &store, keys);

    assert_non_null(limit);
    return limit;
}

/* As after the end of the agent, however it ended. */
static struct push_limit *again(struct push_limit *limit, unsigned per_hour)
{
    push_limit_free(limit);
    return new_limit(per_hour);
}

/* 0: the phone may ring; else the time to wait. */
static int64_t wait_of(const struct push_limit *limit, const char *person)
{
    struct fail fail = FAIL_INIT;

    if (push_limit_check(limit, person, &fail) == CPS_OK)
        return 0;
    assert_int_equal(fail.code, CPS_PUSH_LIMITED);
    assert_true(fail.retry_after_ms > 0);
    return fail.retry_after_ms;
}

static void pushes_of_an_hour(void **state)
{
    struct push_limit *limit = new_limit(3);

    (void)state;
    for (int i = 0; i < 3; i++) {
        clock_fake(1000 + i, NOW_S);
        assert_int_equal(wait_of(limit, "99700000001"), 0);
        push_limit_count(limit, i == 1 ? PERSON : "99700000001");
    }
    assert_int_equal(wait_of(limit, PERSON), HOUR_MS - 2);
    assert_int_equal(wait_of(limit, "99700000001"), HOUR_MS - 2);
    assert_int_equal(wait_of(limit, "899700000002"), 0);
    clock_fake(1000 + HOUR_MS, NOW_S);
    assert_int_equal(wait_of(limit, PERSON), 0);
    push_limit_count(limit, PERSON);
    assert_int_equal(wait_of(limit, PERSON), 1);
    push_limit_free(limit);
}

/* The table cannot be emptied by naming others, nor by starting the agent again. */
static void pushes_to_many_people(void **state)
{
    struct push_limit *limit = new_limit(1);
    char name[32];

    (void)state;
    clock_fake(1000, NOW_S);
    for (int i = 0; i < PUSH_LIMIT_PEOPLE_MAX; i++) {
        snprintf(name, sizeof name, "ANS20%06d", i);
        assert_int_equal(wait_of(limit, name), 0);
        push_limit_count(limit, name);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(wait_of(limit, "one more"), HOUR_MS);
        assert_int_equal(wait_of(limit, "ANS20000000"), HOUR_MS);
        limit = again(limit, 1);
    }
    clock_fake(1000 + HOUR_MS, NOW_S);
    assert_int_equal(wait_of(limit, "one more"), 0);
    push_limit_count(limit, "one more");
    assert_int_equal(wait_of(limit, "one more"), HOUR_MS);
    assert_int_equal(wait_of(limit, "ANS20000000"), 0);
    push_limit_free(limit);
}

static void each_has_pushes_of_their_own(void **state)
{
    struct push_limit *limit = new_limit(2);

    (void)state;
    clock_fake(1000, NOW_S);
    push_limit_count(limit, "899700000002");
    push_limit_count(limit, PERSON);
    push_limit_count(limit, PERSON);
    assert_int_equal(wait_of(limit, PERSON), HOUR_MS);
    assert_int_equal(wait_of(limit, "899700000002"), 0);
    push_limit_free(limit);
}

static void an_agent_started_again_goes_on_counting(void **state)
{
    struct push_limit *limit = new_limit(2);
    struct stat st;

    (void)state;
    clock_fake(5000, NOW_S);
    push_limit_count(limit, PERSON);
    clock_fake(6000, NOW_S);
    push_limit_count(limit, PERSON);
    push_limit_count(limit, "899700000002");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    clock_fake(7000,
               NOW_S - 86400); /* on one start of the machine the wall clock is not looked at */
    limit = again(limit, 2);
    assert_int_equal(wait_of(limit, PERSON), HOUR_MS - 2000);
    assert_int_equal(wait_of(limit, "899700000002"), 0);
    clock_fake(5000 + HOUR_MS, NOW_S + 86400);
    limit = again(limit, 2);
    assert_int_equal(wait_of(limit, PERSON), 0);
    push_limit_count(limit, PERSON);
    limit = again(limit, 2);
    assert_int_equal(wait_of(limit, PERSON), 1000);
    push_limit_free(limit);
}

/* A limit that was changed meanwhile counts the last ones. */
static void another_limit(void **state)
{
    struct push_limit *limit = new_limit(3);

    (void)state;
    for (int i = 0; i < 3; i++) {
        clock_fake(1000 * (i + 1), NOW_S);
        push_limit_count(limit, PERSON);
    }
    limit = again(limit, 1);
    assert_int_equal(wait_of(limit, PERSON), HOUR_MS);
    limit = again(limit, 4);
    assert_int_equal(wait_of(limit, PERSON), 0);
    push_limit_count(limit, PERSON);
    assert_int_equal(wait_of(limit, PERSON), HOUR_MS - 2000);
    push_limit_free(limit);
}

static void write_state(const char *text, mode_t mode)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static char *state_text(void)
{
    FILE *file = fopen(path, "re");
    char *text = calloc(1, 65536);

    assert_non_null(file);
    assert_true(fread(text, 1, 65535, file) > 0);
    fclose(file);
    return text;
}

/* The file as another start of the machine would have left it. */
static void of_another_boot(void)
{
    AUTO_FREE char *text = state_text();
    AUTO_JSON json_t *file = json_parse_strict(text, strlen(text));
    AUTO_FREE char *changed = NULL;

    assert_non_null(json_get_string(file, "boot"));
    json_object_set_new(file, "boot", json_string("00000000000000000000000000000001"));
    changed = json_dumps(file, 0);
    write_state(changed, 0600);
}

static void the_machine_was_started_again(void **state)
{
    static const struct {
        int64_t passed_s, wait_ms;
    } cases[] = {
        {0, HOUR_MS - 1000},      {600, HOUR_MS - 601000}, {3599, 0}, {3598, 1000},
        {86400 * 365, 0},         {-1, HOUR_MS - 1000}, /* the clock was set back: as if nothing had
                                                           passed */
        {-86400, HOUR_MS - 1000}, /* by a day, and no more than an hour is lost */
        {-NOW_S, HOUR_MS - 1000}, /* a dead battery */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct push_limit *limit;

        unlink(path);
        limit = new_limit(1);
        clock_fake(50000000, NOW_S - 1);
        push_limit_count(limit, PERSON);
        clock_fake(50001000, NOW_S);
        push_limit_count(limit, "899700000002"); /* the file is written a second later */
        of_another_boot();
        clock_fake(300, NOW_S + cases[i].passed_s);
        limit = again(limit, 1);
        assert_int_equal(wait_of(limit, PERSON), cases[i].wait_ms);
        push_limit_free(limit);
    }
}

/* Kept over two starts of the machine, times before its own start included. */
static void started_again_twice(void **state)
{
    struct push_limit *limit = new_limit(2);

    (void)state;
    clock_fake(50000000, NOW_S);
    push_limit_count(limit, PERSON);
    of_another_boot();
    clock_fake(300, NOW_S + 60);
    limit = again(limit, 2);
    push_limit_count(limit, PERSON);
    of_another_boot();
    clock_fake(200, NOW_S + 120);
    limit = again(limit, 2);
    assert_int_equal(wait_of(limit, PERSON), HOUR_MS - 120000);
    push_limit_free(limit);
}

static void nothing_in_clear_and_nothing_old(void **state)
{
    struct push_limit *limit = new_limit(2);
    AUTO_FREE char *before = NULL;
    AUTO_FREE char *after = NULL;

    (void)state;
    clock_fake(1000, NOW_S);
    push_limit_count(limit, PERSON);
    before = state_text();
    assert_null(strstr(before, "99700000001"));
    clock_fake(1000 + HOUR_MS, NOW_S);
    push_limit_count(limit, "899700000002");
    after = state_text();
    {
        AUTO_JSON json_t *old = json_parse_strict(before, strlen(before));
        AUTO_JSON json_t *new = json_parse_strict(after, strlen(after));

        assert_int_equal(json_array_size(json_get_array(old, "people")), 1);
        assert_int_equal(json_array_size(json_get_array(new, "people")), 1);
        assert_false(json_equal(json_array_get(json_get_array(old, "people"), 0),
                                json_array_get(json_get_array(new, "people"), 0)));
    }
    push_limit_free(limit);
}

#define HEAD "{\"version\":1,\"boot\":\"b\",\"boot_ms\":100,\"at\":5,\"people\":"

static void damaged_files_are_set_aside(void **state)
{
    static const char *const wrong[] = {
        "",
        "{",
        "[]",
        "{\"version\":2,\"boot\":\"b\",\"boot_ms\":100,\"at\":5,\"people\":[]}",
        "{\"version\":1,\"boot\":7,\"boot_ms\":100,\"at\":5,\"people\":[]}",
        "{\"version\":1,\"boot\":\"b\",\"boot_ms\":-1,\"at\":5,\"people\":[]}",
        "{\"version\":1,\"boot\":\"b\",\"boot_ms\":9223372036854775807,\"at\":5,\"people\":[]}",
        "{\"version\":1,\"boot\":\"b\",\"boot_ms\":100,\"at\":-9223372036854775807,\"people\":[]}",
        "{\"version\":1,\"boot\":\"b\",\"boot_ms\":100,\"at\":\"5\",\"people\":[]}",
        HEAD "{}}",
        HEAD "[7]}",
        HEAD "[{\"person\":\"x\"}]}",
        HEAD "[{\"person\":\"\",\"at_ms\":[1]}]}",
        HEAD "[{\"person\":\"x\",\"at_ms\":[]}]}",
        HEAD "[{\"person\":\"x\",\"at_ms\":[1.5]}]}",
        HEAD "[{\"person\":\"x\",\"at_ms\":[101]}]}", /* after it was written */
        HEAD "[{\"person\":\"x\",\"at_ms\":[9,8]}]}", /* not in their order */
        HEAD "[{\"person\":\"x\",\"at_ms\":[-9223372036854775807]}]}",
    };
    char aside[128];

    (void)state;
    snprintf(aside, sizeof aside, "%s.damaged", path);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_state(wrong[i], 0600);
        push_limit_free(new_limit(2));
        if (unlink(aside) != 0)
            fail_msg("taken for a good one: %s", wrong[i]);
    }
    write_state(HEAD "[]}", 0644); /* somebody else may have written it */
    push_limit_free(new_limit(2));
    assert_int_equal(unlink(aside), 0);
    write_state(HEAD "[]}", 0600);
    push_limit_free(new_limit(2));
    assert_int_equal(access(aside, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pushes_of_an_hour, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pushes_to_many_people, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_has_pushes_of_their_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_agent_started_again_goes_on_counting, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_machine_was_started_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(started_again_twice, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_in_clear_and_nothing_old, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_files_are_set_aside, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
