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

#include "agent/consent_memory.h"
#include "base/json.h"
#include "base/util.h"
#include "tests/unit/fake_state_store.h"

static char directory[64];
static struct state_store store = {.directory = directory};

static const struct consent_about dpi = {
    .person = "who", .program = "/opt/dpi", .kind = POLICY_STATEMENT, .audience = "dpi.example"};

static void path_of(const char *name, char path[128])
{
    snprintf(path, 128, "%s/%s", directory, name);
}

static void write_state(const char *text, mode_t mode)
{
    char path[128];
    FILE *file;

    path_of(CONSENT_MEMORY_FILE, path);
    file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(chmod(path, mode), 0);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(directory, sizeof directory, "/tmp/consent-XXXXXX");
    return mkdtemp(directory) == NULL;
}

static int tear_down(void **state)
{
    static const char *const names[] = {CONSENT_MEMORY_FILE, CONSENT_MEMORY_FILE ".damaged",
                                        CONSENT_MEMORY_FILE ".new"};
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        path_of(names[i], path);
        unlink(path);
        rmdir(path);
    }
    return rmdir(directory);
}

static size_t count(const struct consent_memory *memory)
{
    AUTO_JSON json_t *list = consent_memory_json(memory, NULL);

    return json_array_size(list);
}

static void answers_outlive_the_agent(void **state)
{
    struct consent_memory *memory = consent_memory_new(directory, &store);
    struct consent_about other = dpi;
    struct stat st;
    char path[128];

    (void)state;
    assert_int_equal(consent_memory_find(memory, &dpi), POLICY_SILENT);
    consent_memory_add(memory, &dpi, true);
    other.audience = "other.example";
    consent_memory_add(memory, &other, false);
    consent_memory_free(memory);
    path_of(CONSENT_MEMORY_FILE, path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    memory = consent_memory_new(directory, &store);
    assert_int_equal(consent_memory_find(memory, &dpi), POLICY_YES);
    assert_int_equal(consent_memory_find(memory, &other), POLICY_NO);
    consent_memory_add(memory, &dpi, false);
    assert_int_equal(consent_memory_find(memory, &dpi), POLICY_NO);
    assert_int_equal(count(memory), 2);
    consent_memory_free(memory);
}

/* Person, program, origin, kind and audience: each makes another answer. */
static void an_answer_is_about_one_thing(void **state)
{
    struct consent_memory *memory = consent_memory_new(directory, &store);
    struct consent_about others[5] = {dpi, dpi, dpi, dpi, dpi};

    (void)state;
    others[0].person = "somebody else";
    others[1].program = "/opt/dpi2";
    others[2].origin = "https://dpi.example";
    others[3].kind = POLICY_ACCESS_TOKEN;
    others[4].audience = "dpi.example2";
    consent_memory_add(memory, &dpi, true);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(consent_memory_find(memory, &others[i]), POLICY_SILENT);
    consent_memory_free(memory);
}

static int64_t id_at(const struct consent_memory *memory, size_t at)
{
    AUTO_JSON json_t *list = consent_memory_json(memory, "who");
    const json_t *json = json_array_get(list, at);

    assert_true(json_get_bool(json, "mine", false));
    assert_null(json_object_get(json, "person"));
    return json_get_int(json, "id", 0);
}

static void revoked_answers_are_gone(void **state)
{
    struct consent_memory *memory = consent_memory_new(directory, &store);
    struct consent_about web = dpi;
    uint64_t generation = consent_memory_generation(memory);

    (void)state;
    web.origin = "https://dpi.example";
    assert_int_equal(consent_memory_revoke(memory, 1, NULL), 0);
    assert_true(consent_memory_generation(memory) == generation);
    consent_memory_add(memory, &dpi, true);
    consent_memory_add(memory, &web, true);
    assert_true(consent_memory_generation(memory) != generation);
    generation = consent_memory_generation(memory);
    assert_int_equal(consent_memory_revoke(memory, id_at(memory, 0), NULL), 1);
    assert_true(consent_memory_generation(memory) != generation);
    assert_int_equal(consent_memory_find(memory, &dpi), POLICY_SILENT);
    assert_int_equal(consent_memory_find(memory, &web), POLICY_YES);
    assert_int_equal(consent_memory_revoke(memory, 0, "https://dpi.example"), 1);
    consent_memory_add(memory, &dpi, true);
    assert_int_equal(id_at(memory, 0), 3);
    consent_memory_free(memory);
    memory = consent_memory_new(directory, &store);
    assert_int_equal(consent_memory_revoke(memory, 0, "/opt/dpi"), 1);
    consent_memory_add(memory, &dpi, true);
    assert_int_equal(id_at(memory, 0), 4); /* a number is never that of another answer */
    consent_memory_free(memory);
}

static void the_oldest_is_forgotten(void **state)
{
    struct consent_memory *memory = consent_memory_new(directory, &store);
    struct consent_about about = dpi;
    char audience[32];

    (void)state;
    about.audience = audience;
    for (int i = 0; i <= CONSENT_MEMORY_MAX; i++) {
        snprintf(audience, sizeof audience, "a%d", i);
        consent_memory_add(memory, &about, true);
    }
    assert_int_equal(count(memory), CONSENT_MEMORY_MAX);
    snprintf(audience, sizeof audience, "a0");
    assert_int_equal(consent_memory_find(memory, &about), POLICY_SILENT);
    snprintf(audience, sizeof audience, "a1");
    assert_int_equal(consent_memory_find(memory, &about), POLICY_YES);
    consent_memory_free(memory);
}

static void damaged_files_are_set_aside(void **state)
{
    static const char *const wrong[] = {
        "",
        "{",
        "[]",
        "{\"version\":2,\"answers\":[]}",
        "{\"version\":1}",
        "{\"version\":1,\"answers\":[{\"id\":1}]}",
        "{\"version\":1,\"answers\":[{\"id\":1,\"person\":\"p\",\"program\":\"/x\","
        "\"kind\":\"everything\",\"audience\":\"\",\"allowed\":true,\"at\":1}]}",
        "{\"version\":1,\"answers\":[{\"id\":1,\"person\":\"p\",\"program\":\"/x\","
        "\"kind\":\"id\",\"audience\":\"\",\"allowed\":\"yes\",\"at\":1}]}",
        "{\"version\":1,\"answers\":[{\"id\":0,\"person\":\"p\",\"program\":\"/x\","
        "\"kind\":\"id\",\"audience\":\"\",\"allowed\":true,\"at\":1}]}"};
    char path[128];

    (void)state;
    path_of(CONSENT_MEMORY_FILE ".damaged", path);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct consent_memory *memory;

        write_state(wrong[i], 0600);
        memory = consent_memory_new(directory, &store);
        assert_int_equal(count(memory), 0);
        if (unlink(path) != 0)
            fail_msg("taken for a good one: %s", wrong[i]);
        consent_memory_free(memory);
    }
    write_state("{\"version\":1,\"answers\":[]}", 0644);
    consent_memory_free(consent_memory_new(directory, &store));
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_outlive_the_agent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_answer_is_about_one_thing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(revoked_answers_are_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_oldest_is_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_files_are_set_aside, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
