/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/policy_bench.h"

/* What its rule says of a card. */
static const struct policy_terms *policy_for(const struct policy *policy, const char *program)
{
    static struct policy_rule rule;

    policy_find(policy, &(struct policy_peer){.program = program}, &rule);
    return &rule.terms;
}

static void test_without_files(void **state)
{
    const struct policy_terms *rule = policy_for(*state, "/usr/bin/anything");

    assert_true(rule->authentication && rule->signature && rule->ask_pin);
    assert_false(rule->login_required || rule->typed_pin);
    assert_int_equal(rule->data, POLICY_DATA_PUBLIC);
    assert_true(policy_for(*state, NULL)->authentication);
}

static void test_first_match_wins(void **state)
{
    write_file("20-b.conf", "[b]\nprogram = /usr/bin/mail\nsignature = confirm\n"
                            "[default]\nauthentication = no\n");
    write_file("10-a.conf", "[mail]\nprogram = /usr/bin/mail /opt/*/mail\nsignature = no\n"
                            "data = all\nask_pin = no\ntyped_pin = ignore\nlogin_required = yes\n");
    write_file("notes.txt", "not a rule");
    reload(*state);
    assert_false(policy_for(*state, "/usr/bin/mail")->signature);
    assert_int_equal(policy_for(*state, "/opt/x/mail")->data, POLICY_DATA_ALL);
    assert_true(policy_for(*state, "/opt/x/mail")->typed_pin);
    assert_true(policy_for(*state, "/opt/x/mail")->login_required);
    assert_false(policy_for(*state, "/opt/x/mail")->ask_pin);
    assert_false(policy_for(*state, "/opt/x/y/mail")->authentication);
    assert_false(policy_for(*state, "/usr/bin/other")->authentication);
    assert_false(policy_for(*state, NULL)->authentication);
}

static void test_a_mistake_keeps_what_was(void **state)
{
    write_file("10-a.conf", "[x]\nprogram = /x\nauthentication = no\n");
    reload(*state);
    write_file("10-a.conf", "[x]\nprogram = /x\nauthentication = yes\nsignature = sometimes\n");
    for (int i = 0; i < 2; i++) {
        reload(*state);
        assert_int_equal(refused(*state), 1);
        assert_false(policy_for(*state, "/x")->authentication);
        assert_true(policy_for(*state, "/y")->authentication);
    }
    write_file("10-a.conf", "[x]\nprogram = /x\n");
    reload(*state);
    assert_int_equal(refused(*state), 0);
    assert_true(policy_for(*state, "/x")->authentication);
    remove_file("10-a.conf");
    write_file("10-a.conf", "[x]\nprogram = /x\nauthentication = no\n");
    reload(*state);
    remove_file("10-a.conf");
    reload(*state);
    assert_true(policy_for(*state, "/x")->authentication);
}

static void test_never_right_gives_nothing(void **state)
{
    write_file("10-a.conf", "[mail]\nprogram = /usr/bin/mail\n");
    write_file("20-b.conf", "[x]\nprogram = relative/path\n");
    reload(*state);
    assert_int_equal(refused(*state), 1);
    assert_true(policy_for(*state, "/usr/bin/mail")->authentication);
    assert_false(policy_for(*state, "/usr/bin/other")->authentication);
    assert_false(policy_for(*state, "/usr/bin/other")->signature);
    assert_int_equal(policy_for(*state, "/usr/bin/other")->data, POLICY_DATA_NONE);
}

static void test_audiences_and_tokens(void **state)
{
    write_file("10-a.conf", "[dpi]\nprogram = /dpi\naudiences = dpi.example *.test\n"
                            "tokens = access\nproxy = yes\n"
                            "[none]\nprogram = /none\naudiences = none\ntokens = none\n"
                            "[open]\nprogram = /open\nsignature = no\n");
    reload(*state);
    for (int unknown = 0; unknown < 3; unknown++) {
        enum policy_unknown u = (enum policy_unknown)unknown;
        static const enum policy_verdict left_open[] = {POLICY_REFUSED, POLICY_TO_ASK,
                                                        POLICY_ALLOWED};

        assert_int_equal(verdict(*state, "/dpi", u, POLICY_STATEMENT, "dpi.example"),
                         POLICY_ALLOWED);
        assert_int_equal(verdict(*state, "/dpi", u, POLICY_STATEMENT, "a.test"), POLICY_ALLOWED);
        assert_int_equal(verdict(*state, "/dpi", u, POLICY_STATEMENT, "other"), POLICY_REFUSED);
        assert_int_equal(verdict(*state, "/dpi", u, POLICY_ACCESS_TOKEN, NULL), POLICY_ALLOWED);
        assert_int_equal(verdict(*state, "/dpi", u, POLICY_ID_TOKEN, NULL), POLICY_REFUSED);
        assert_int_equal(verdict(*state, "/dpi", u, POLICY_PROXY, "s"), POLICY_ALLOWED);
        assert_int_equal(verdict(*state, "/none", u, POLICY_STATEMENT, "x"), POLICY_REFUSED);
        assert_int_equal(verdict(*state, "/none", u, POLICY_EXCHANGE, "x"), POLICY_REFUSED);
        assert_int_equal(verdict(*state, "/none", u, POLICY_PROXY, "x"), left_open[u]);
        assert_int_equal(verdict(*state, "/open", u, POLICY_STATEMENT, "x"), left_open[u]);
        assert_int_equal(verdict(*state, "/who", u, POLICY_ID_TOKEN, NULL), left_open[u]);
        assert_int_equal(verdict(*state, NULL, u, POLICY_ID_TOKEN, NULL), left_open[u]);
    }
}

static void test_the_user_never_widens(void **state)
{
    enum policy_unknown ask = POLICY_UNKNOWN_ASK;

    write_file("10-a.conf", "[dpi]\nprogram = /dpi\naudiences = dpi.example\ndata = public\n"
                            "lifetime = 60\n");
    write_file("user", "[dpi]\nprogram = /dpi\naudiences = *\ntokens = access\ndata = all\n"
                       "lifetime = 90\ntyped_pin = ignore\nconfirm = statement\n"
                       "[mine]\nprogram = /mine\naudiences = a b\ntokens = none\n"
                       "interaction = no\nlifetime = 30\n");
    reload(*state);
    assert_int_equal(verdict(*state, "/dpi", ask, POLICY_STATEMENT, "other"), POLICY_REFUSED);
    assert_int_equal(verdict(*state, "/dpi", ask, POLICY_STATEMENT, "dpi.example"), POLICY_ALLOWED);
    assert_int_equal(verdict(*state, "/dpi", ask, POLICY_ACCESS_TOKEN, NULL), POLICY_ALLOWED);
    assert_int_equal(policy_for(*state, "/dpi")->data, POLICY_DATA_PUBLIC);
    assert_int_equal(policy_for(*state, "/dpi")->lifetime_s, 60);
    assert_false(policy_for(*state, "/dpi")->typed_pin);
    assert_int_equal(policy_for(*state, "/dpi")->confirm, 1U << POLICY_STATEMENT);
    assert_int_equal(verdict(*state, "/mine", ask, POLICY_STATEMENT, "a"), POLICY_ALLOWED);
    assert_int_equal(verdict(*state, "/mine", ask, POLICY_STATEMENT, "c"), POLICY_REFUSED);
    assert_int_equal(verdict(*state, "/mine", POLICY_UNKNOWN_REFUSE, POLICY_STATEMENT, "a"),
                     POLICY_REFUSED);
    assert_int_equal(verdict(*state, "/mine", POLICY_UNKNOWN_ALLOW, POLICY_ACCESS_TOKEN, NULL),
                     POLICY_REFUSED);
    assert_false(policy_for(*state, "/mine")->interaction);
    assert_int_equal(policy_for(*state, "/mine")->lifetime_s, 30);
    write_file("10-a.conf", "[default]\naudiences = none\n");
    reload(*state);
    assert_int_equal(verdict(*state, "/mine", ask, POLICY_STATEMENT, "a"), POLICY_REFUSED);
}

/* Each of the card's terms, where the site allows the most. */
static void test_the_user_narrows_each_term(void **state)
{
    const struct policy_terms *terms;

    write_file("10-a.conf", "[dpi]\nprogram = /dpi\ndata = all\ntyped_pin = ignore\n");
    reload(*state);
    terms = policy_for(*state, "/dpi");
    assert_true(terms->authentication && terms->signature && terms->ask_pin && terms->typed_pin);
    assert_true(terms->counter_signature && !terms->login_required);
    assert_int_equal(terms->data, POLICY_DATA_ALL);
    write_file("user", "[dpi]\nprogram = /dpi\nauthentication = no\nsignature = no\ndata = none\n"
                       "ask_pin = no\nlogin_required = yes\ntyped_pin = refuse\n"
                       "counter_signature = no\n");
    reload(*state);
    terms = policy_for(*state, "/dpi");
    assert_false(terms->authentication);
    assert_false(terms->signature);
    assert_int_equal(terms->data, POLICY_DATA_NONE);
    assert_false(terms->ask_pin);
    assert_true(terms->login_required);
    assert_false(terms->typed_pin);
    assert_false(terms->counter_signature);
}

static void test_the_first_default_counts(void **state)
{
    write_file("10-a.conf", "[default]\nlifetime = 10\n");
    write_file("20-b.conf", "[x]\nprogram = /x\n[default]\nlifetime = 20\n");
    reload(*state);
    assert_int_equal(policy_for(*state, "/y")->lifetime_s, 10);
}

static void test_methods(void **state)
{
    struct policy_rule rule;

    write_file("10-a.conf", "[x]\nprogram = /x\nmethods = statement.get session.*\n");
    write_file("user", "[x]\nprogram = /x\nmethods = statement.* status\n");
    reload(*state);
    policy_find(*state, &(struct policy_peer){.program = "/x"}, &rule);
    assert_true(policy_permits(&rule, "statement.get"));
    assert_true(policy_permits(&rule, "hello"));
    assert_true(policy_permits(&rule, "cancel"));
    assert_false(policy_permits(&rule, "session.login"));
    assert_false(policy_permits(&rule, "status"));
    policy_find(*state, &(struct policy_peer){.program = "/y"}, &rule);
    assert_true(policy_permits(&rule, "session.login"));
}

static void test_unit_and_app(void **state)
{
    struct policy_rule rule;
    struct policy_peer peer = {.program = "/app/bin/run", .unit = "dpi-3.scope"};

    assert_false(policy_wants_cgroup(*state));
    write_file("10-a.conf", "[u]\nunit = dpi-*.scope\nprogram = /app/bin/run\nlifetime = 10\n"
                            "[a]\napp = flatpak:org.example.Dpi snap:dpi\nlifetime = 20\n");
    reload(*state);
    assert_true(policy_wants_cgroup(*state));
    policy_find(*state, &peer, &rule);
    assert_int_equal(rule.terms.lifetime_s, 10);
    peer.program = "/other";
    policy_find(*state, &peer, &rule);
    assert_null(rule.site);
    peer.app = "flatpak:org.example.Dpi";
    policy_find(*state, &peer, &rule);
    assert_int_equal(rule.terms.lifetime_s, 20);
    peer.app = "flatpak:org.example.Dpi2";
    policy_find(*state, &peer, &rule);
    assert_null(rule.site);
}

static void test_web_origins_have_rules_of_their_own(void **state)
{
    struct policy_rule rule;
    struct policy_peer peer = {.program = "/relay", .origin = "https://dpi.example.fr"};

    write_file("10-a.conf", "[relay]\nprogram = /relay\norigins = yes\naudiences = relay\n"
                            "[web]\norigin = https://*.example.fr\naudiences = dpi\n"
                            "methods = statement.get status\n");
    reload(*state);
    policy_find(*state, &peer, &rule);
    assert_int_equal(policy_decide(&rule, POLICY_UNKNOWN_ASK, POLICY_STATEMENT, "dpi"),
                     POLICY_ALLOWED);
    assert_true(policy_permits(&rule, "status"));
    assert_false(policy_permits(&rule, "keys.jwks"));
    assert_false(rule.terms.origins);
    peer.origin = "https://other.example.org";
    policy_find(*state, &peer, &rule);
    assert_null(rule.site);
    assert_int_equal(policy_decide(&rule, POLICY_UNKNOWN_ASK, POLICY_STATEMENT, "relay"),
                     POLICY_TO_ASK);
    assert_true(policy_permits(&rule, "statement.get") && policy_permits(&rule, "keys.jwks"));
    assert_false(policy_permits(&rule, "status"));
    assert_false(policy_permits(&rule, "pkcs11.sign"));
    assert_true(policy_for(*state, "/relay")->origins);
    assert_int_equal(verdict(*state, "/relay", POLICY_UNKNOWN_ASK, POLICY_STATEMENT, "dpi"),
                     POLICY_REFUSED);
}

static void test_a_wrong_user_file(void **state)
{
    AUTO_JSON json_t *json = NULL;
    const char *error;

    write_file("10-a.conf", "[x]\nprogram = /x\naudiences = a\n");
    write_file("user", "[x]\nprogram = /x\n\norigins = yes\n");
    reload(*state);
    json = policy_json(*state);
    error = json_string_value(
        json_object_get(json_array_get(json_object_get(json, "refused"), 0), "error"));
    assert_non_null(strstr(error, "line 4"));
    assert_non_null(strstr(error, "for the site to say"));
    assert_int_equal(verdict(*state, "/x", POLICY_UNKNOWN_ASK, POLICY_STATEMENT, "a"),
                     POLICY_ALLOWED);
    assert_int_equal(verdict(*state, "/y", POLICY_UNKNOWN_ALLOW, POLICY_STATEMENT, "a"),
                     POLICY_REFUSED);
}

/* The user's own file says nothing of what the site's were to say. */
static void test_a_directory_that_cannot_be_read(void **state)
{
    struct policy *policy;
    char path[128];

    (void)state;
    write_file("notes.txt", "not a directory");
    write_file("user", "[x]\nprogram = /x\n");
    snprintf(path, sizeof path, "%s/notes.txt", directory);
    policy = policy_new(path, user_file);
    assert_non_null(policy);
    assert_int_equal(verdict(policy, "/x", POLICY_UNKNOWN_ALLOW, POLICY_STATEMENT, "a"),
                     POLICY_REFUSED);
    policy_free(policy);
}

static void test_mistakes(void **state)
{
    static const char *const wrong[] = {
        "[x]\nauthentication = no\n",                          /* no program */
        "[default]\nprogram = /x\n",                           /* one too many */
        "[x]\nprogram = /x\nunknown = 1\n",                    /* unknown key */
        "[x]\nprogram = /x\ndata = everything\n",              /* unknown word */
        "[x]\nprogram = /x\nask_pin = perhaps\n",              /* not yes or no */
        "[x]\nprogram = /x\ntyped_pin = yes\n",                /* unknown word */
        "[x]\nprogram = /x\nprogram = /y\n",                   /* twice */
        "[x]\nprogram = /x\nmethods = statement.gte\n",        /* no such method */
        "[x]\nprogram = /x\ntokens = refresh\n",               /* no such token */
        "[x]\nprogram = /x\nlifetime = 600\n",                 /* longer than statements live */
        "[x]\nprogram = /x\nconfirm = always\n",               /* unknown word */
        "[x]\napp = org.example.Dpi\n",                        /* neither snap nor Flatpak */
        "[x]\nprogram =\naudiences = a\n",                     /* nobody */
        "[x]\norigin = https://*.fr\n",                        /* everybody */
        "[x]\norigin = https://Dpi.example.fr\n",              /* not as browsers write it */
        "[x]\norigin = https://a.example.fr\norigins = yes\n", /* a page speaks for itself */
        "[default]\norigins = yes\n",
        "program = /x\n", /* outside of any section */
        "[abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz]\nprogram = /x\n",
        "nonsense\n"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        write_file("10-a.conf", wrong[i]);
        reload(*state);
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
        cmocka_unit_test_setup_teardown(test_audiences_and_tokens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_user_never_widens, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_user_narrows_each_term, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_first_default_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_methods, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unit_and_app, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_web_origins_have_rules_of_their_own, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_wrong_user_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_directory_that_cannot_be_read, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
