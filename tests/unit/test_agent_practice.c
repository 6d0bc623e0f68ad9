/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/keys.h"
#include "agent/practice.h"
#include "agent/practice_memory.h"
#include "base/json.h"
#include "base/util.h"
#include "tests/unit/fake_state_store.h"

#define DOCTOR "899700001011"
#define NURSE  "899700002022"

static char directory[64];
static struct state_store store = {.directory = directory};
static struct keys *keys;

static json_t *situation(int number, const char *name, const char *raw)
{
    return json_pack("{s:i, s:s, s:s, s:s, s:s}", "number", number, "structure_name", name,
                     "structure_id", "499700000000010", "sector", "SA07", "raw", raw);
}

static struct practice *two(const char *first, const char *second)
{
    AUTO_JSON json_t *result = json_pack("{s:[o, o]}", "situations", situation(1, "CABINET", first),
                                         situation(9, "HOPITAL", second));

    return practice_from_card(result, NULL);
}

static int64_t chosen(const struct practice *practice)
{
    AUTO_JSON json_t *json = practice_chosen(practice);

    return json_get_int(json, "number", 0);
}

static void the_only_one_is_chosen(void **state)
{
    AUTO_JSON json_t *result = json_pack("{s:[o]}", "situations", situation(4, "CABINET", "AAAA"));
    struct practice *practice = practice_from_card(result, NULL);
    AUTO_JSON json_t *shown = NULL;

    (void)state;
    assert_int_equal(chosen(practice), 0);
    practice_recall(practice, NULL, NULL);
    assert_int_equal(chosen(practice), 4);
    assert_false(practice_choice_needed(practice));
    shown = practice_chosen(practice);
    assert_string_equal(json_get_string(shown, "structure_name"), "CABINET");
    assert_null(json_object_get(shown, "raw"));
    practice_free(practice);
}

static void one_of_several_is_to_be_chosen(void **state)
{
    struct practice *practice = two("AAAA", "BBBB");
    AUTO_JSON json_t *none = NULL;
    AUTO_JSON json_t *shown = NULL;
    struct fail fail;

    (void)state;
    practice_recall(practice, NULL, DOCTOR);
    assert_true(practice_choice_needed(practice));
    none = practice_chosen(practice);
    assert_true(json_is_null(none));
    assert_null(practice_fingerprint(practice));
    assert_int_equal(practice_choose(practice, 2, &fail), CPS_PRACTICE_UNKNOWN);
    assert_int_equal(practice_choose(practice, 9, &fail), CPS_OK);
    assert_int_equal(practice_choose(practice, 0, &fail), CPS_PRACTICE_UNKNOWN);
    assert_int_equal(chosen(practice), 9);
    shown = practice_json(practice);
    assert_int_equal(json_get_int(shown, "chosen", 0), 9);
    assert_int_equal(json_array_size(json_get_array(shown, "situations")), 2);
    assert_null(json_object_get(shown, "error"));
    practice_free(practice);
}

/* Whatever cardop hands over: a list of numbered situations comes out of it. */
static void odd_answers(void **state)
{
    static const char *const texts[] = {
        "{}",
        "{\"situations\": {}}",
        "{\"situations\": [1, null, {}, {\"number\": 0}, {\"number\": -1}, {\"number\": \"1\"}]}",
        "{\"situations\": [{\"number\": 4294967296}]}",
    };
    AUTO_JSON json_t *doubled =
        json_pack("{s:[o, o, {s:i, s:s, s:s, s:s}]}", "situations", situation(1, "A", "AAAA"),
                  situation(1, "B", "BBBB"), "number", 2, "structure_name", "x\x1b[0m", "sector",
                  "", "foreign", "y");
    AUTO_JSON json_t *shown = NULL;
    struct practice *practice;
    struct fail fail;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        AUTO_JSON json_t *result = json_loads(texts[i], 0, NULL);
        AUTO_JSON json_t *json = NULL;

        assert_non_null(result);
        practice = practice_from_card(result, NULL);
        json = practice_json(practice);
        assert_int_equal(json_array_size(json_get_array(json, "situations")), 0);
        practice_free(practice);
    }
    practice = practice_from_card(doubled, NULL);
    shown = practice_json(practice);
    assert_int_equal(json_array_size(json_get_array(shown, "situations")), 2);
    assert_int_equal(json_object_size(json_array_get(json_get_array(shown, "situations"), 1)), 1);
    practice_free(practice);

    fail_set(&fail, CPS_CARD_PROTOCOL, "x");
    practice = practice_from_card(NULL, &fail);
    json_decref(shown);
    shown = practice_json(practice);
    assert_string_equal(json_get_string(shown, "error"), "CARD_PROTOCOL");
    practice_free(practice);
}

static void no_more_than_can_be_kept(void **state)
{
    AUTO_JSON json_t *list = json_array();
    AUTO_JSON json_t *result = json_pack("{s:O}", "situations", list);
    AUTO_JSON json_t *shown = NULL;
    struct practice *practice;

    (void)state;
    for (int i = 1; i <= 2 * PRACTICE_MAX; i++)
        json_array_append_new(list, situation(i, "A", "AAAA"));
    practice = practice_from_card(result, NULL);
    shown = practice_json(practice);
    assert_int_equal(json_array_size(json_get_array(shown, "situations")), PRACTICE_MAX);
    practice_free(practice);
}

static void activities_of_a_provider(void **state)
{
    AUTO_JSON json_t *info = json_loads(
        "{\"SubjectRefPro\": {\"exercices\": ["
        "{\"codeProfession\": \"10\", \"codeSavoirFaire\": \"SM54\", \"activities\": ["
        " {\"codeModeExercice\": \"L\", \"codeSecteurDactivite\": \"SA07\","
        "  \"raisonSocialeSite\": \"CABINET\", \"numeroFinessSite\": \"990000011\"},"
        " {\"codeSecteurDactivite\": \"SA01\", \"enseigneCommercialeSite\": \"HOPITAL\"}, 7]},"
        "{\"codeProfession\": \"60\", \"activities\": [{\"identifiantTechniqueDeLaStructure\":"
        "  \"R99700000001\", \"numeroFinessSite\": \"990000012\"}]}, {}, 3]}}",
        0, NULL);
    struct practice *practice = practice_from_userinfo(info);
    AUTO_JSON json_t *shown = practice_json(practice);
    const json_t *list = json_get_array(shown, "situations");
    const json_t *first = json_array_get(list, 0);
    const json_t *last = json_array_get(list, 2);

    (void)state;
    assert_non_null(info);
    assert_int_equal(json_array_size(list), 3);
    assert_int_equal(json_get_int(first, "number", 0), 1);
    assert_string_equal(json_get_string(first, "structure_name"), "CABINET");
    assert_string_equal(json_get_string(first, "structure_id"), "990000011");
    assert_string_equal(json_get_string(first, "structure_id_type"), "numeroFinessSite");
    assert_string_equal(json_get_string(first, "sector"), "SA07");
    assert_string_equal(json_get_string(first, "profession_code"), "10");
    assert_string_equal(json_get_string(first, "speciality"), "SM54");
    assert_string_equal(json_get_string(first, "exercise_mode"), "L");
    assert_string_equal(json_get_string(json_array_get(list, 1), "structure_name"), "HOPITAL");
    assert_int_equal(json_get_int(last, "number", 0), 3);
    assert_string_equal(json_get_string(last, "structure_id"), "R99700000001");
    assert_string_equal(json_get_string(last, "structure_id_type"),
                        "identifiantTechniqueDeLaStructure");
    assert_string_equal(json_get_string(last, "profession_code"), "60");
    practice_free(practice);
    practice = practice_from_userinfo(NULL);
    assert_false(practice_choice_needed(practice));
    practice_free(practice);
}

/* The memory --------------------------------------------------------------------------------- */

static struct practice_memory *memory(void)
{
    return practice_memory_new(directory, &store, keys);
}

static void choose(struct practice_memory *known, const char *who, struct practice *practice,
                   int number)
{
    AUTO_FREE char *print = NULL;
    struct fail fail;

    assert_int_equal(practice_choose(practice, number, &fail), CPS_OK);
    print = practice_fingerprint(practice);
    practice_memory_set(known, who, print);
    assert_true(practice_is_remembered(practice, known, who));
}

static void a_choice_outlives_the_agent(void **state)
{
    struct practice_memory *known = memory();
    struct practice *practice = two("AAAA", "BBBB");
    struct practice *moved = NULL;
    struct practice *changed = two("AAAA", "CCCC");
    AUTO_JSON json_t *result = NULL;

    (void)state;
    choose(known, DOCTOR, practice, 9);
    practice_memory_free(known);
    known = memory();
    practice_recall(practice, known, NURSE);
    assert_int_equal(chosen(practice), 0); /* nothing of one person is another's */
    practice_recall(practice, known, NULL);
    assert_int_equal(chosen(practice), 0);
    practice_recall(practice, known, DOCTOR);
    assert_int_equal(chosen(practice), 9);
    practice_recall(changed, known, DOCTOR);
    assert_int_equal(chosen(changed), 0); /* another structure under the same number */
    result = json_pack("{s:[o, o]}", "situations", situation(2, "HOPITAL", "BBBB"),
                       situation(9, "CABINET", "AAAA"));
    moved = practice_from_card(result, NULL);
    practice_recall(moved, known, DOCTOR);
    assert_int_equal(chosen(moved), 2); /* the same structure under another number */

    assert_true(practice_memory_forget(known, DOCTOR));
    assert_false(practice_memory_forget(known, DOCTOR));
    assert_false(practice_is_remembered(practice, known, DOCTOR));
    practice_memory_free(known);
    known = memory();
    practice_recall(practice, known, DOCTOR);
    assert_true(practice_choice_needed(practice));
    practice_memory_free(known);
    practice_free(practice);
    practice_free(changed);
    practice_free(moved);
}

static size_t file_size(char *text, size_t size)
{
    char path[128];
    struct stat st;
    FILE *file;
    size_t n;

    snprintf(path, sizeof path, "%s/" PRACTICE_MEMORY_FILE, directory);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    file = fopen(path, "re");
    assert_non_null(file);
    n = fread(text, 1, size - 1, file);
    text[n] = '\0';
    fclose(file);
    return n;
}

static void nothing_can_be_read_in_the_file(void **state)
{
    struct practice_memory *known = memory();
    struct practice *practice = two("AAAA", "BBBB");
    char text[1024], *line;

    (void)state;
    choose(known, DOCTOR, practice, 1);
    choose(known, NURSE, practice, 1);
    assert_int_equal(file_size(text, sizeof text), 2 * 88);
    assert_null(strstr(text, "8997"));
    assert_null(strstr(text, "CABINET"));
    assert_null(strstr(text, "AAAA"));
    line = text + 88; /* the same structure, and nothing in common */
    assert_memory_not_equal(text, line, 43);
    assert_memory_not_equal(text + 44, line + 44, 43);
    assert_true(practice_memory_forget(known, DOCTOR));
    assert_int_equal(file_size(text, sizeof text), 88);
    assert_true(practice_memory_forget(known, NURSE));
    assert_int_equal(file_size(text, sizeof text), 0);
    practice_memory_free(known);
    practice_free(practice);
}

static void the_oldest_choice_is_forgotten(void **state)
{
    struct practice_memory *known = memory();
    char who[32];

    (void)state;
    for (int i = 0; i <= PRACTICE_MEMORY_MAX; i++) {
        snprintf(who, sizeof who, "user %d", i);
        practice_memory_set(known, who, "here");
        practice_memory_set(known, "user 0", "there");
    }
    practice_memory_free(known);
    known = memory();
    assert_true(practice_memory_holds(known, "user 0", "there")); /* chosen again and again */
    assert_false(practice_memory_holds(known, "user 1", "here"));
    assert_true(practice_memory_holds(known, "user 2", "here"));
    assert_false(practice_memory_holds(known, "user 2", "there"));
    practice_memory_free(known);
}

static void damaged_files_are_set_aside(void **state)
{
    static const char *const texts[] = {"x", "\n", "not a line\n"};
    char path[128], aside[128];

    (void)state;
    snprintf(path, sizeof path, "%s/" PRACTICE_MEMORY_FILE, directory);
    snprintf(aside, sizeof aside, "%s/" PRACTICE_MEMORY_FILE ".damaged", directory);
    for (size_t i = 0; i < 2 + sizeof texts / sizeof texts[0]; i++) {
        struct practice_memory *known = memory();
        FILE *file;

        practice_memory_set(known, DOCTOR, "here");
        practice_memory_free(known);
        if (i < sizeof texts / sizeof texts[0]) {
            file = fopen(path, "ae");
            fputs(texts[i], file);
            fclose(file);
        } else if (i == sizeof texts / sizeof texts[0]) {
            assert_int_equal(chmod(path, 0644), 0); /* others could have read it */
        } else {
            assert_int_equal(truncate(path, 80), 0);
        }
        known = memory();
        assert_non_null(known);
        assert_false(practice_memory_holds(known, DOCTOR, "here"));
        assert_int_equal(unlink(aside), 0);
        practice_memory_set(known, DOCTOR, "there");
        assert_true(practice_memory_holds(known, DOCTOR, "there"));
        practice_memory_free(known);
        known = memory();
        assert_true(practice_memory_holds(known, DOCTOR, "there"));
        practice_memory_free(known);
    }
}

static void nobody_and_nothing_are_not_remembered(void **state)
{
    struct practice_memory *known = memory();
    unsigned before = store.n_puts;

    (void)state;
    practice_memory_set(known, NULL, "here");
    practice_memory_set(known, DOCTOR, NULL);
    practice_memory_set(NULL, DOCTOR, "here");
    assert_false(practice_memory_forget(known, NULL));
    assert_false(practice_memory_forget(known, DOCTOR));
    assert_int_equal(store.n_puts, before);
    assert_false(practice_memory_holds(NULL, DOCTOR, "here"));
    practice_memory_free(known);
}

static int set_up(void **state)
{
    struct fail fail;

    (void)state;
    snprintf(directory, sizeof directory, "/tmp/cps-test-practice-XXXXXX");
    if (mkdtemp(directory) == NULL)
        return -1;
    keys = keys_new(directory, &fail);
    return keys != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    static const char *const files[] = {KEYS_STATEMENT_FILE, KEYS_PSEUDONYM_FILE,
                                        PRACTICE_MEMORY_FILE, PRACTICE_MEMORY_FILE ".damaged"};

    (void)state;
    keys_free(keys);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        char path[128];

        snprintf(path, sizeof path, "%s/%s", directory, files[i]);
        unlink(path);
    }
    return rmdir(directory);
}

#define WITH_KEYS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_only_one_is_chosen),
        cmocka_unit_test(one_of_several_is_to_be_chosen),
        cmocka_unit_test(odd_answers),
        cmocka_unit_test(no_more_than_can_be_kept),
        cmocka_unit_test(activities_of_a_provider),
        WITH_KEYS(a_choice_outlives_the_agent),
        WITH_KEYS(nothing_can_be_read_in_the_file),
        WITH_KEYS(the_oldest_choice_is_forgotten),
        WITH_KEYS(damaged_files_are_set_aside),
        WITH_KEYS(nobody_and_nothing_are_not_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
