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

#include "agent/identity.h"
#include "agent/people.h"
#include "base/json.h"
#include "base/util.h"

#define CLERK                                                                                      \
    "[person]\ncard = 29901212\nfamily_name = SPECIMEN\ngiven_name = Lou\ninternal_id = "          \
    "H3V-0042\n"
#define SECRETARY                                                                                  \
    "[person]\ncommon_name = 100000000000018/00043\nfamily_name = MODELE\n"                        \
    "national_id = 99700001011\nprofession = Secrétaire\n"

static char directory[] = "/tmp/cps-test-people-XXXXXX";

static void put(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    if (text == NULL) {
        unlink(path);
        return;
    }
    file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static json_t *certificate_of(const char *common_name)
{
    return json_pack("{s:s, s:s, s:{s:s}}", "source", "certificate", "common_name", common_name,
                     "structure", "name", "HOPITAL DES TROIS VALLEES");
}

static void cards_that_have_somebody(void **state)
{
    struct fail fail;
    struct people *people;
    AUTO_JSON json_t *holder = certificate_of("100000000000018/00042");
    AUTO_JSON json_t *other = certificate_of("100000000000018/00043");
    AUTO_JSON json_t *clerk = NULL;
    AUTO_JSON json_t *secretary = NULL;

    (void)state;
    put("clerk.conf", CLERK);
    put("secretary.conf", SECRETARY);
    put("notes.txt", "not read");
    people = people_new(directory, &fail);
    assert_non_null(people);
    clerk = people_name(people, "29901212", holder);
    assert_true(identity_is_person(clerk));
    assert_string_equal(json_get_string(clerk, "name"), "Lou SPECIMEN");
    assert_string_equal(json_get_string(clerk, "source"), "mapping");
    assert_string_equal(identity_subject(clerk), "H3V-0042");
    assert_null(json_object_get(clerk, "national_id"));
    assert_string_equal(json_get_string(json_get_object(clerk, "structure"), "name"),
                        "HOPITAL DES TROIS VALLEES");
    assert_string_equal(json_get_string(holder, "source"), "certificate"); /* left as it was */

    secretary = people_name(people, "29901213", other);
    assert_string_equal(json_get_string(secretary, "name"), "MODELE");
    assert_string_equal(identity_subject(secretary), "899700001011");
    assert_string_equal(json_get_string(secretary, "national_id_type"), "RPPS");
    assert_string_equal(json_get_string(secretary, "profession"), "Secrétaire");
    assert_null(people_name(people, "29901213", holder));
    assert_null(people_name(people, "", holder));
    people_free(people);
    put("clerk.conf", NULL);
    put("secretary.conf", NULL);
    put("notes.txt", NULL);
}

/* A mapping never renames somebody whom the certificate names. */
static void people_stay_who_they_are(void **state)
{
    AUTO_JSON json_t *named = json_pack("{s:s, s:s}", "name", "ADELINE VALMONT1011", "common_name",
                                        "100000000000018/00042");
    struct fail fail;
    struct people *people;

    (void)state;
    put("clerk.conf", CLERK);
    people = people_new(directory, &fail);
    assert_non_null(people);
    assert_null(people_name(people, "29901212", named));
    assert_null(people_name(NULL, "29901212", named));
    people_free(people);
    put("clerk.conf", NULL);
}

static void a_mistake_refuses_them_all(void **state)
{
    static const char *const wrong[] = {
        "",
        "[person]\nfamily_name = SPECIMEN\ninternal_id = 1\n",
        "[person]\ncard = 1\ncommon_name = 2\nfamily_name = SPECIMEN\ninternal_id = 1\n",
        "[person]\ncard = \nfamily_name = SPECIMEN\ninternal_id = 1\n",
        "[person]\ncard = 1\ninternal_id = 1\n",
        "[person]\ncard = 1\nfamily_name = SPECIMEN\n",
        "[person]\ncard = 1\nfamily_name = \ninternal_id = 1\n",
        "[person]\ncard = 1\nfamily_name = A\x1b[31m\ninternal_id = 1\n",
        "[person]\ncard = 1\nfamily_name = A\xffZ\ninternal_id = 1\n",
        "[person]\ncard = 1\nfamily_name = SPECIMEN\nnational_id = who\n",
        "[person]\ncard = 1\nfamily_name = SPECIMEN\ninternal_id = 1\nnom = x\n",
        "[people]\ncard = 1\nfamily_name = SPECIMEN\ninternal_id = 1\n",
        "[person]\ncard = 1\ncard = 2\nfamily_name = SPECIMEN\ninternal_id = 1\n",
        CLERK,
    };

    (void)state;
    put("clerk.conf", CLERK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct fail fail = FAIL_INIT;
        char text[1024];

        put("wrong.conf", wrong[i]);
        assert_null(people_new(directory, &fail));
        assert_int_equal(fail.code, CPS_CONFIGURATION);
        fail_describe(&fail, text, sizeof text);
        assert_non_null(strstr(text, "wrong.conf"));
    }
    put("wrong.conf", NULL);
    put("clerk.conf", NULL);
}

static void no_directory_is_nobody(void **state)
{
    struct fail fail;
    struct people *people = people_new("/nonexistent/people.d", &fail);
    AUTO_JSON json_t *holder = certificate_of("100000000000018/00042");

    (void)state;
    assert_non_null(people);
    assert_null(people_name(people, "29901212", holder));
    people_free(people);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cards_that_have_somebody),
        cmocka_unit_test(people_stay_who_they_are),
        cmocka_unit_test(a_mistake_refuses_them_all),
        cmocka_unit_test(no_directory_is_nobody),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
