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

#include "agent/trust/blocklist.h"

/* The list that this text makes, and what reading it says. */
static struct blocklist *list_of(const void *text, size_t len, struct fail *fail)
{
    char path[] = "/tmp/cps-test-blocked-XXXXXX";
    struct blocklist *list = NULL;
    int fd = mkstemp(path);
    cps_error error;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    close(fd);
    *fail = (struct fail)FAIL_INIT;
    error = blocklist_read(path, &list, fail);
    assert_int_equal(error, fail->code);
    assert_non_null(list);
    unlink(path);
    return list;
}

static struct blocklist *read_text(const char *text, struct fail *fail)
{
    return list_of(text, strlen(text), fail);
}

static void who_is_on_it(void **state)
{
    struct fail fail;
    struct blocklist *list = read_text("# a comment\n\n"
                                       "card 0029900101  lost, été 2026\n"
                                       "  person\t899700001011\r\n"
                                       "person 99700001029 typed so\n"
                                       "person 3999700001/CPE-01.B of a structure\n"
                                       "certificate 0aBc\n"
                                       "card 7",
                                       &fail);
    static const struct {
        enum blocked_kind kind;
        const char *value;
        const char *note; /* NULL: not blocked */
    } cases[] = {
        {BLOCKED_CARD, "29900101", "lost, été 2026"},
        {BLOCKED_CARD, "0000029900101", "lost, été 2026"},
        {BLOCKED_CARD, "2990010", NULL},
        {BLOCKED_CARD, "299001011", NULL},
        {BLOCKED_CARD, "7", ""},
        {BLOCKED_CARD, "", NULL},
        {BLOCKED_CARD, "7x", NULL},
        {BLOCKED_PERSON, "899700001011", ""},
        {BLOCKED_PERSON, "0899700001011", NULL},
        {BLOCKED_PERSON, "99700001011", ""}, /* an RPPS number without its type digit */
        {BLOCKED_PERSON, "899700001029", "typed so"},
        {BLOCKED_PERSON, "3999700001/cpe-01.b", "of a structure"},
        {BLOCKED_PERSON, "29900101", NULL},
        {BLOCKED_CERTIFICATE, "abc", ""},
        {BLOCKED_CERTIFICATE, "0ABC", ""},
        {BLOCKED_CERTIFICATE, "ABCD", NULL},
    };

    (void)state;
    assert_int_equal(fail.code, CPS_OK);
    assert_int_equal(list->n, 6);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct blocked *found = blocklist_find(list, cases[i].kind, cases[i].value);

        assert_int_equal(found != NULL, cases[i].note != NULL);
        if (found != NULL)
            assert_string_equal(found->note, cases[i].note);
    }
    blocklist_free(list);
}

static void mistakes(void **state)
{
    static const struct {
        const char *text;
        const char *line;
    } cases[] = {
        {"card 1\ncarte 2\n", "line 2"}, {"card\n", "line 1"},
        {"\n\ncard 12a4\n", "line 3"},   {"certificate xyz\n", "line 1"},
        {"person 8997-1\n", "line 1"},   {"person 899700001011 note \x01\n", "line 1"},
        {"card 1 caf\xe9\n", "line 1"},  {"card 1\nperson \xc3\xa9\n", "line 2"},
        {"Card 1\n", "line 1"},          {"card 1 2\ncard 1,2\n", "line 2"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fail fail;

        blocklist_free(read_text(cases[i].text, &fail));
        assert_int_equal(fail.code, CPS_CONFIGURATION);
        assert_non_null(strstr(fail.causes[fail.n_causes - 1], cases[i].line));
    }
}

static void what_can_be_understood_is_given(void **state)
{
    struct fail fail;
    struct blocklist *list = read_text("card 1\nnonsense\ncard 3\n", &fail);

    (void)state;
    assert_int_equal(fail.code, CPS_CONFIGURATION);
    assert_int_equal(list->n, 2);
    assert_non_null(blocklist_find(list, BLOCKED_CARD, "3"));
    blocklist_free(list);
}

static void bounds(void **state)
{
    static char text[BLOCKLIST_MAX * 16 + 64];
    char *at = text;
    struct fail fail;
    struct blocklist *list;

    (void)state;
    for (int i = 0; i < BLOCKLIST_MAX; i++)
        at += sprintf(at, "card %d\n", i + 1);
    list = read_text(text, &fail);
    assert_int_equal(fail.code, CPS_OK);
    assert_int_equal(list->n, BLOCKLIST_MAX);
    assert_non_null(blocklist_find(list, BLOCKED_CARD, "12345"));
    blocklist_free(list);
    sprintf(at, "card 999999\n");
    blocklist_free(read_text(text, &fail));
    assert_int_equal(fail.code, CPS_CONFIGURATION);
    memset(text, '1', 1000);
    memcpy(text, "card ", 5);
    text[1000] = '\0';
    blocklist_free(read_text(text, &fail));
    assert_int_equal(fail.code, CPS_CONFIGURATION);
    blocklist_free(list_of("card 1\0\ncard 2\n", 15, &fail));
    assert_int_equal(fail.code, CPS_CONFIGURATION);
}

static void files_that_are_none(void **state)
{
    struct blocklist *list = NULL;
    struct fail fail = FAIL_INIT;

    (void)state;
    assert_int_equal(blocklist_read("/nonexistent/blocked.conf", &list, &fail), CPS_OK);
    assert_int_equal(list->n, 0);
    assert_null(blocklist_find(list, BLOCKED_CARD, "1"));
    blocklist_free(list);
    assert_int_equal(blocklist_read("/dev/zero", &list, &fail), CPS_CONFIGURATION);
    blocklist_free(list);
    assert_int_equal(blocklist_read("/tmp", &list, &fail), CPS_CONFIGURATION);
    blocklist_free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_on_it),
        cmocka_unit_test(mistakes),
        cmocka_unit_test(what_can_be_understood_is_given),
        cmocka_unit_test(bounds),
        cmocka_unit_test(files_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
