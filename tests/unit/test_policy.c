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

#include "agent/policy.h"
#include "base/log.h"
#include "base/util.h"

static char directory[64];

static void write_file(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    file = fopen(path, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void remove_file(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    unlink(path);
}

static int set_up(void **state)
{
    snprintf(directory, sizeof directory, "/tmp/policy-XXXXXX");
    assert_non_null(mkdtemp(directory));
    *state = policy_new(directory);
    return *state == NULL;
}

static int tear_down(void **state)
{
    policy_free(*state);
    remove_file("10-a.conf");
    remove_file("20-b.conf");
    remove_file("notes.txt");
    return rmdir(directory);
}

static void test_without_files(void **state)
{
    const struct policy_rule *rule = policy_for(*state, "/usr/bin/anything");

    assert_true(rule->authentication && rule->signature && rule->ask_pin);
    assert_false(rule->login_required || rule->typed_pin);
    assert_int_equal(rule->data, POLICY_DATA_PUBLIC);
    assert_ptr_equal(policy_for(*state, NULL), rule);
}

static void test_first_match_wins(void **state)
{
    write_file("20-b.conf", "[b]\nprogram = /usr/bin/mail\nsignature = confirm\n"
                            "[default]\nauthentication = no\n");
    write_file("10-a.conf", "[mail]\nprogram = /usr/bin/mail /opt/*/mail\nsignature = no\n"
                            "data = all\nask_pin = no\ntyped_pin = ignore\nlogin_required = yes\n");
    write_file("notes.txt", "not a rule");
    policy_reload(*state);
    assert_false(policy_for(*state, "/usr/bin/mail")->signature);
    assert_int_equal(policy_for(*state, "/opt/x/mail")->data, POLICY_DATA_ALL);
    assert_true(policy_for(*state, "/opt/x/mail")->typed_pin);
    assert_true(policy_for(*state, "/opt/x/mail")->login_required);
    assert_false(policy_for(*state, "/opt/x/mail")->ask_pin);
    assert_false(policy_for(*state, "/opt/x/y/mail")->authentication);
    assert_false(policy_for(*state, "/usr/bin/other")->authentication);
    assert_false(policy_for(*state, NULL)->authentication);
}

static unsigned refused(const struct policy *policy)
{
    AUTO_JSON json_t *json = policy_json(policy);

    return (unsigned)json_array_size(json_object_get(json, "refused"));
}

static void test_a_mistake_keeps_what_was(void **state)
{
    write_file("10-a.conf", "[x]\nprogram = /x\nauthentication = no\n");
    policy_reload(*state);
    write_file("10-a.conf", "[x]\nprogram = /x\nauthentication = yes\nsignature = sometimes\n");
    for (int i = 0; i < 2; i++) {
        policy_reload(*state);
        assert_int_equal(refused(*state), 1);
        assert_false(policy_for(*state, "/x")->authentication);
        assert_true(policy_for(*state, "/y")->authentication);
    }
    write_file("10-a.conf", "[x]\nprogram = /x\n");
    policy_reload(*state);
    assert_int_equal(refused(*state), 0);
    assert_true(policy_for(*state, "/x")->authentication);
    remove_file("10-a.conf");
    write_file("10-a.conf", "[x]\nprogram = /x\nauthentication = no\n");
    policy_reload(*state);
    remove_file("10-a.conf");
    policy_reload(*state);
    assert_true(policy_for(*state, "/x")->authentication);
}

static void test_never_right_gives_nothing(void **state)
{
    write_file("10-a.conf", "[mail]\nprogram = /usr/bin/mail\n");
    write_file("20-b.conf", "[x]\nprogram = relative/path\n");
    policy_reload(*state);
    assert_int_equal(refused(*state), 1);
    assert_true(policy_for(*state, "/usr/bin/mail")->authentication);
    assert_false(policy_for(*state, "/usr/bin/other")->authentication);
    assert_false(policy_for(*state, "/usr/bin/other")->signature);
    assert_int_equal(policy_for(*state, "/usr/bin/other")->data, POLICY_DATA_NONE);
}

static void test_mistakes(void **state)
{
    static const char *const wrong[] = {
        "[x]\nauthentication = no\n",             /* no program */
        "[default]\nprogram = /x\n",              /* one too many */
        "[x]\nprogram = /x\nunknown = 1\n",       /* unknown key */
        "[x]\nprogram = /x\ndata = everything\n", /* unknown word */
        "[x]\nprogram = /x\nask_pin = perhaps\n", /* not yes or no */
        "[x]\nprogram = /x\ntyped_pin = yes\n",   /* unknown word */
        "[x]\nprogram = /x\nprogram = /y\n",      /* twice */
        "program = /x\n",                         /* outside of any section */
        "[abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz]\nprogram = /x\n",
        "nonsense\n"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_file("10-a.conf", wrong[i]);
        policy_reload(*state);
        if (refused(*state) != 1)
            fail_msg("accepted: %s", wrong[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_without_files, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_first_match_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_mistake_keeps_what_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_never_right_gives_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mistakes, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
