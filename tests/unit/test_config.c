/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/config.h"

static const struct config_key keys[] = {
    {"one", "text", CONFIG_STRING, 0, 0}, {"one", "flag", CONFIG_BOOL, 0, 0},
    {"one", "limit", CONFIG_INT, 1, 10},  {"two", "text", CONFIG_STRING, 0, 0},
    {"two", "list", CONFIG_STRING, 0, 0}, {0},
};

/* A text is read as a file that holds it. */
static void parse_too(const char *text, size_t len, const char *path, const struct fail *fail)
{
    AUTO_CONFIG struct config *config = NULL;
    struct fail why;

    assert_int_equal(config_parse(text, len, path, keys, &config, &why), fail->code);
    assert_int_equal(why.n_causes, fail->n_causes);
    for (size_t i = 0; i < why.n_causes; i++)
        assert_string_equal(why.causes[i], fail->causes[i]);
}

static cps_error load(const char *text, size_t len, struct config **ret_config, struct fail *fail)
{
    char path[] = "/tmp/cps-test-config-XXXXXX";
    int fd = mkstemp(path);
    cps_error error;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
    error = config_load(path, keys, false, ret_config, fail);
    assert_int_equal(error, fail->code);
    assert_true(error == CPS_OK || strstr(fail->causes[fail->n_causes - 1], path) != NULL);
    parse_too(text, len, path, fail);
    unlink(path);
    return error;
}

static void values_and_defaults(void **state)
{
    static const char text[] = "# a note\n[one]\ntext = a b; c\nflag=yes\nlimit = 10\n"
                               "[two]\nlist = a, b\t c ,,d\n; another\n\n";
    AUTO_CONFIG struct config *config = NULL;
    struct fail fail;
    char **list;

    (void)state;
    assert_int_equal(load(text, strlen(text), &config, &fail), CPS_OK);
    assert_string_equal(config_string(config, "one", "text", "x"), "a b; c");
    assert_true(config_bool(config, "one", "flag", false));
    assert_int_equal(config_int(config, "one", "limit", 5), 10);
    assert_string_equal(config_string(config, "two", "text", "x"), "x");
    assert_string_equal(config_string(NULL, "two", "text", "x"), "x");
    list = config_list(config, "two", "list");
    assert_string_equal(list[0], "a");
    assert_string_equal(list[1], "b");
    assert_string_equal(list[2], "c");
    assert_string_equal(list[3], "d");
    assert_null(list[4]);
    config_list_free(list);
    list = config_list(config, "two", "text");
    assert_null(list[0]);
    config_list_free(list);
}

static void mistakes_name_their_line(void **state)
{
    static const struct {
        const char *text;
        const char *line;
        const char *why;
    } cases[] = {
        {"[one]\nflag = 1\n", ", line 2", "[one] flag: neither yes nor no"},
        {"[one]\nflag = YES\n", ", line 2", "neither yes nor no"},
        {"[one]\n\n\nlimit = 11\n", ", line 4", "[one] limit: not a number from 1 to 10"},
        {"[one]\nlimit = 0\n", ", line 2", "not a number from 1 to 10"},
        {"[one]\nlimit = 1 0\n", ", line 2", "not a number from 1 to 10"},
        {"[one]\nlimit =\n", ", line 2", "not a number from 1 to 10"},
        {"[one]\nlimit = 99999999999999999999\n", ", line 2", "not a number from 1 to 10"},
        {"[one]\nText = x\n", ", line 2", "unknown key"},
        {"[One]\ntext = x\n", ", line 2", "unknown key"},
        {"text = x\n", ", line 1", "unknown key"},
        {"[one]\ntext = x\n[two]\n[one]\ntext = y\n", ", line 5", "key given twice"},
        {"[one]\ntext = x\n  more\n", ", line 3", "key given twice"},
        {"[one]\ntext\n", ", line 2", "not of the form"},
        {"[one\ntext = x\n", ", line 1", "not of the form"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct config *config = NULL;
        struct fail fail;

        assert_int_equal(load(cases[i].text, strlen(cases[i].text), &config, &fail),
                         CPS_CONFIGURATION);
        assert_null(config);
        assert_non_null(strstr(fail.causes[0], cases[i].why));
        assert_non_null(strstr(fail.causes[fail.n_causes - 1], cases[i].line));
    }
}

/* The second piece of a line cut in two must not pass for a line of its own. */
static void long_lines_are_refused_whole(void **state)
{
    char text[2048];
    struct config *config = NULL;
    struct fail fail;

    (void)state;
    for (int len = 150; len < 450; len++) {
        int n = snprintf(text, sizeof text, "[one]\n# %0*d", len, 0);

        snprintf(text + n, sizeof text - (size_t)n, "flag = yes\nlimit = 3\n");
        if (load(text, strlen(text), &config, &fail) == CPS_OK) {
            assert_false(config_bool(config, "one", "flag", false));
            assert_int_equal(config_int(config, "one", "limit", 0), 3);
            config_free(config);
            continue;
        }
        assert_non_null(strstr(fail.causes[0], "too long"));
        assert_non_null(strstr(fail.causes[1], ", line 2"));
    }
}

static void the_longest_line(void **state)
{
    char text[300];
    struct config *config = NULL;
    struct fail fail;

    (void)state;
    snprintf(text, sizeof text, "[one]\ntext = %0191d\n", 0);
    assert_int_equal(load(text, strlen(text), &config, &fail), CPS_OK);
    assert_int_equal(strlen(config_string(config, "one", "text", "")), 191);
    config_free(config);
    snprintf(text, sizeof text, "[one]\ntext = %0191d", 0); /* the last line may lack its end */
    assert_int_equal(load(text, strlen(text), &config, &fail), CPS_OK);
    config_free(config);
    snprintf(text, sizeof text, "[one]\ntext = %0192d\n", 0);
    assert_int_equal(load(text, strlen(text), &config, &fail), CPS_CONFIGURATION);
}

static void nul_bytes_are_refused(void **state)
{
    static const char text[] = "[one]\ntext = a\0b\nlimit = 3\n";
    struct config *config = NULL;
    struct fail fail;

    (void)state;
    assert_int_equal(load(text, sizeof text - 1, &config, &fail), CPS_CONFIGURATION);
    assert_non_null(strstr(fail.causes[1], ", line 2"));
}

static void nothing_is_no_mistake(void **state)
{
    AUTO_CONFIG struct config *config = NULL;
    struct fail fail;

    (void)state;
    assert_int_equal(load("", 0, &config, &fail), CPS_OK);
    assert_int_equal(config_int(config, "one", "limit", 5), 5);
}

static void a_file_that_is_not_there(void **state)
{
    struct config *config = NULL;
    struct fail fail;

    (void)state;
    assert_int_equal(config_load("/nonexistent/x", keys, false, &config, &fail), CPS_CONFIGURATION);
    assert_null(config);
    assert_int_equal(config_load("/nonexistent/x", keys, true, &config, &fail), CPS_OK);
    assert_int_equal(config_int(config, "one", "limit", 5), 5);
    config_free(config);
    config = NULL;
    assert_int_equal(config_load("/", keys, true, &config, &fail), CPS_CONFIGURATION);
    assert_null(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_defaults),          cmocka_unit_test(mistakes_name_their_line),
        cmocka_unit_test(long_lines_are_refused_whole), cmocka_unit_test(the_longest_line),
        cmocka_unit_test(nul_bytes_are_refused),        cmocka_unit_test(nothing_is_no_mistake),
        cmocka_unit_test(a_file_that_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
