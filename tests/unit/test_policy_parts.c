/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/unit/policy_bench.h"

#define ASK POLICY_UNKNOWN_ASK

/* What holds for a program and an audience; NULL: for none. */
static struct policy_rule rule_of(const struct policy *policy, const char *program,
                                  const char *audience)
{
    const struct policy_peer peer = {.program = program};
    struct policy_rule rule, part;

    policy_find(policy, &peer, &rule);
    part = rule;
    if (audience != NULL)
        policy_find_part(&rule, &peer, audience, &part);
    return part;
}

/* The site's section that holds. */
static const char *section_of(const struct policy *policy, const char *program,
                              const char *audience)
{
    static char name[64];
    const struct policy_rule rule = rule_of(policy, program, audience);
    AUTO_JSON json_t *json = policy_section_json(rule.site);
    const char *found = json_string_value(json_object_get(json, "section"));

    snprintf(name, sizeof name, "%s", found != NULL ? found : "");
    return name;
}

static enum policy_verdict statement(const struct policy *policy, const char *program,
                                     const char *audience)
{
    return verdict(policy, program, ASK, POLICY_STATEMENT, audience);
}

static void rules(struct policy *policy, const char *site)
{
    write_file("10-a.conf", site);
    reload(policy);
    assert_string_equal(complaint(policy), "");
}

static void settings_by_audience(void **state)
{
    struct policy_rule rule;

    rules(*state, "[dpi]\nprogram = /dpi\naudiences = dpi.example\ntokens = access\nlifetime = 60\n"
                  "confirm = token\nmethods = session.* statement.get token.get\n"
                  "[dmp]\nprogram = /dpi\naudiences = dmp.example\nconfirm = statement\n"
                  "lifetime = 20\ncounter_signature = no\ninteraction = no\n"
                  "[api]\nprogram = /dpi\naudiences = labs\ntokens = exchange\nconfirm = none\n"
                  "proxy = no\nmethods = token.exchange\n");
    rule = rule_of(*state, "/dpi", "dpi.example");
    assert_true(rule.in_parts && rule.terms.interaction && rule.terms.counter_signature);
    assert_int_equal(rule.terms.lifetime_s, 60);
    rule = rule_of(*state, "/dpi", "dmp.example");
    assert_int_equal(rule.terms.confirm, 1U << POLICY_STATEMENT);
    assert_int_equal(rule.terms.lifetime_s, 20);
    assert_false(rule.terms.interaction || rule.terms.counter_signature);
    assert_true(policy_permits(&rule, "statement.get"));
    assert_false(policy_permits(&rule, "token.exchange"));
    rule = rule_of(*state, "/dpi", "labs");
    assert_int_equal(rule.terms.confirm, 0);
    assert_int_equal(rule.terms.lifetime_s, 60);
    assert_true(policy_permits(&rule, "token.exchange") && policy_permits(&rule, "hello"));
    assert_false(policy_permits(&rule, "statement.get"));
    assert_int_equal(statement(*state, "/dpi", "dpi.example"), POLICY_ALLOWED);
    assert_int_equal(statement(*state, "/dpi", "dmp.example"), POLICY_ALLOWED);
    assert_int_equal(statement(*state, "/dpi", "other"), POLICY_REFUSED);
    assert_int_equal(verdict(*state, "/dpi", ASK, POLICY_EXCHANGE, "labs"), POLICY_ALLOWED);
    assert_int_equal(verdict(*state, "/dpi", ASK, POLICY_EXCHANGE, "other"), POLICY_REFUSED);
    assert_int_equal(verdict(*state, "/dpi", ASK, POLICY_ACCESS_TOKEN, "psc"), POLICY_ALLOWED);
    assert_int_equal(verdict(*state, "/dpi", ASK, POLICY_PROXY, "labs"), POLICY_REFUSED);
    assert_int_equal(verdict(*state, "/dpi", ASK, POLICY_PROXY, "mail"), POLICY_TO_ASK);
}

/* Card keys and calls that are for no audience go by the first section. */
static void what_has_no_audience(void **state)
{
    struct policy_rule rule;

    rules(*state, "[dpi]\nprogram = /dpi\nsignature = no\ndata = all\ninteraction = no\n"
                  "[all]\nprogram = /dpi\naudiences = *\ninteraction = yes\nmethods = none\n");
    rule = rule_of(*state, "/dpi", NULL);
    assert_false(rule.terms.signature || rule.terms.interaction);
    assert_true(policy_permits(&rule, "session.login"));
    rule = rule_of(*state, "/dpi", "any");
    assert_true(rule.terms.interaction);
    assert_false(rule.terms.signature || policy_permits(&rule, "statement.get"));
    assert_int_equal(rule.terms.data, POLICY_DATA_ALL);
}

static void the_best_word_counts(void **state)
{
    struct policy *policy = *state;

    rules(policy, "[any]\nprogram = /dpi\naudiences = * https://?.example\n"
                  "[site]\nprogram = /dpi\naudiences = https://*.hopital.example b\n"
                  "[one]\nprogram = /dpi\naudiences = https://a.hopital.example\n"
                  "[like]\nprogram = /dpi\naudiences = https://a*.hopital.example\n"
                  "[also]\nprogram = /dpi\naudiences = https://b*.hopital.example *.b.example\n"
                  "[then]\nprogram = /dpi\naudiences = https://*b.hopital.example\n");
    assert_string_equal(section_of(policy, "/dpi", "whatever"), "any");
    assert_string_equal(section_of(policy, "/dpi", "https://x.hopital.example"), "site");
    assert_string_equal(section_of(policy, "/dpi", "b"), "site");
    assert_string_equal(section_of(policy, "/dpi", "https://a.hopital.example"), "one");
    assert_string_equal(section_of(policy, "/dpi", "https://ab.hopital.example"), "like");
    assert_string_equal(section_of(policy, "/dpi", "https://b.hopital.example"), "also");
    assert_string_equal(section_of(policy, "/dpi", "https://cb.hopital.example"), "then");
    assert_string_equal(section_of(policy, "/dpi", "https://x.example"), "any");
    rules(policy, "[one]\nprogram = /dpi\naudiences = a[bc]\n[two]\nprogram = /dpi\n"
                  "audiences = ab\n[three]\nprogram = /dpi\naudiences = ab*\n");
    assert_string_equal(section_of(policy, "/dpi", "ab"), "two");
    assert_string_equal(section_of(policy, "/dpi", "ac"), "one");
    assert_string_equal(section_of(policy, "/dpi", "abc"), "three");
    assert_string_equal(section_of(policy, "/dpi", "x"), "one");
}

/* A program is the same when it is named by the same words, and by no others. */
static void who_is_the_same_program(void **state)
{
    struct policy *policy = *state;

    rules(policy, "[both]\nprogram = /dpi /mail\naudiences = a\n"
                  "[mail]\nprogram = /mail\naudiences = b\n"
                  "[dpi]\nprogram = /dpi\naudiences = b\nlifetime = 9\n"
                  "[each]\nprogram = /mail /dpi\naudiences = c\n");
    assert_string_equal(section_of(policy, "/mail", "b"), "mail");
    assert_string_equal(section_of(policy, "/dpi", "b"), "dpi");
    assert_string_equal(section_of(policy, "/dpi", "c"), "each");
    assert_string_equal(section_of(policy, "/mail", "d"), "both");
    rules(policy, "[unit]\nunit = dpi-*.scope\nprogram = /dpi\naudiences = a\n"
                  "[unit-b]\nprogram = /dpi\nunit = dpi-*.scope\naudiences = b\n"
                  "[bare]\nprogram = /dpi\naudiences = a b\n");
    assert_string_equal(section_of(policy, "/dpi", "b"), "bare");
    {
        const struct policy_peer peer = {.program = "/dpi", .unit = "dpi-3.scope"};
        struct policy_rule rule, part;
        AUTO_JSON json_t *parts = NULL;

        policy_find(policy, &peer, &rule);
        policy_find_part(&rule, &peer, "b", &part);
        assert_int_equal(policy_decide(&part, ASK, POLICY_STATEMENT, "b"), POLICY_ALLOWED);
        parts = policy_parts_json(&rule, &peer);
        assert_int_equal(json_array_size(parts), 1);
    }
}

/* Others of the same kind are no parts: what each may have is its own. */
static void apps_and_pages_are_told_apart(void **state)
{
    static const struct {
        struct policy_peer peer;
        const char *own, *other;
    } cases[] = {{{.app = "snap:dpi"}, "a", "b"},
                 {{.app = "snap:mail"}, "b", "a"},
                 {{.origin = "https://a.example.fr"}, "c", "d"},
                 {{.origin = "https://b.example.fr"}, "d", "c"}};

    rules(*state, "[app]\napp = snap:dpi\naudiences = a\n"
                  "[app-2]\napp = snap:mail\naudiences = b\n"
                  "[web]\norigin = https://a.example.fr\naudiences = c\n"
                  "[web-2]\norigin = https://b.example.fr\naudiences = d\n");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct policy_rule rule;

        policy_find(*state, &cases[i].peer, &rule);
        assert_false(rule.in_parts);
        assert_int_equal(policy_decide(&rule, ASK, POLICY_STATEMENT, cases[i].own), POLICY_ALLOWED);
        assert_int_equal(policy_decide(&rule, ASK, POLICY_STATEMENT, cases[i].other),
                         POLICY_REFUSED);
    }
}

/* What files meant before sections could be parts of one another: the first that fits. */
static void other_files_keep_their_meaning(void **state)
{
    struct policy *policy = *state;

    write_file("20-b.conf", "[late]\nprogram = /dpi\naudiences = b\n"
                            "[late-2]\nprogram = /dpi\naudiences = c\n");
    rules(policy, "[dpi]\nprogram = /dpi\naudiences = a\n"
                  "[some]\nprogram = /dpi /mail\naudiences = b\n"
                  "[rest]\nprogram = /* /opt/*/bin/*\naudiences = *\n"
                  "[default]\naudiences = none\n");
    assert_false(rule_of(policy, "/dpi", NULL).in_parts);
    assert_int_equal(statement(policy, "/dpi", "b"), POLICY_REFUSED);
    assert_int_equal(statement(policy, "/dpi", "c"), POLICY_REFUSED);
    assert_int_equal(statement(policy, "/mail", "b"), POLICY_ALLOWED);
    assert_int_equal(statement(policy, "/mail", "c"), POLICY_REFUSED);
    assert_int_equal(statement(policy, "/other", "c"), POLICY_ALLOWED);
    assert_int_equal(statement(policy, "/x/y", "c"), POLICY_REFUSED);
}

/* Each file has its own parts; the user's take away from the site's, audience by audience. */
static void site_and_user(void **state)
{
    struct policy *policy = *state;

    write_file("user", "[mine]\nprogram = /dpi\naudiences = *\nlifetime = 90\n"
                       "[mine-b]\nprogram = /dpi\naudiences = b c\nconfirm = statement\n"
                       "lifetime = 15\ntokens = none\n");
    rules(policy, "[dpi]\nprogram = /dpi\naudiences = a\nlifetime = 30\n"
                  "[dpi-b]\nprogram = /dpi\naudiences = b\nlifetime = 10\ntokens = exchange\n");
    assert_int_equal(rule_of(policy, "/dpi", "a").terms.lifetime_s, 30);
    assert_int_equal(rule_of(policy, "/dpi", "a").terms.confirm, 0);
    assert_int_equal(rule_of(policy, "/dpi", "b").terms.lifetime_s, 10);
    assert_int_equal(rule_of(policy, "/dpi", "b").terms.confirm, 1U << POLICY_STATEMENT);
    assert_int_equal(rule_of(policy, "/dpi", "c").terms.lifetime_s, 15);
    assert_int_equal(statement(policy, "/dpi", "b"), POLICY_ALLOWED);
    assert_int_equal(statement(policy, "/dpi", "c"), POLICY_REFUSED);
    assert_int_equal(verdict(policy, "/dpi", ASK, POLICY_EXCHANGE, "b"), POLICY_REFUSED);
    assert_int_equal(verdict(policy, "/dpi", ASK, POLICY_EXCHANGE, "a"), POLICY_TO_ASK);
    rules(policy, "[dpi]\nprogram = /dpi\nlifetime = 30\n");
    assert_int_equal(statement(policy, "/dpi", "b"), POLICY_ALLOWED);
    assert_true(rule_of(policy, "/dpi", NULL).in_parts);
    assert_int_equal(rule_of(policy, "/dpi", "b").terms.lifetime_s, 15);
}

static void pages_too(void **state)
{
    const struct policy_peer peer = {.program = "/relay", .origin = "https://a.example.fr"};
    struct policy_rule rule, part;

    rules(*state, "[relay]\nprogram = /relay\norigins = yes\n"
                  "[web]\norigin = https://*.example.fr\naudiences = a\n"
                  "[web-b]\norigin = https://*.example.fr\naudiences = b\nlifetime = 7\n");
    policy_find(*state, &peer, &rule);
    policy_find_part(&rule, &peer, "b", &part);
    assert_int_equal(part.terms.lifetime_s, 7);
    assert_true(policy_permits(&part, "statement.get"));
    assert_false(policy_permits(&part, "status"));
}

static void shown_as_a_part(void **state)
{
    AUTO_JSON json_t *all = NULL;

    rules(*state, "[dpi]\nprogram = /dpi\naudiences = a\n"
                  "[b]\nprogram = /dpi\naudiences = b\n");
    all = policy_rules_json(*state);
    assert_int_equal(json_array_size(all), 2);
    assert_null(json_object_get(json_array_get(all, 0), "part_of"));
    assert_string_equal(json_string_value(json_object_get(json_array_get(all, 1), "part_of")),
                        "dpi");
}

/* The former parts stay in force, and go when the file is right again. */
static void a_mistake_keeps_the_parts(void **state)
{
    rules(*state, "[dpi]\nprogram = /dpi\naudiences = a\n"
                  "[b]\nprogram = /dpi\naudiences = b\nlifetime = 7\n");
    for (int i = 0; i < 2; i++) {
        write_file("10-a.conf", "[dpi]\nprogram = /dpi\naudiences = a\n"
                                "[b]\nprogram = /dpi\naudiences = b\n"
                                "[c]\nprogram = /dpi\naudiences = c b\n");
        reload(*state);
        assert_non_null(strstr(complaint(*state), "line 9"));
        assert_non_null(strstr(complaint(*state), "[b] has it for the same program: b"));
        assert_int_equal(rule_of(*state, "/dpi", "b").terms.lifetime_s, 7);
        assert_int_equal(statement(*state, "/dpi", "c"), POLICY_REFUSED);
    }
    rules(*state, "[dpi]\nprogram = /dpi\naudiences = a\n");
    assert_int_equal(statement(*state, "/dpi", "b"), POLICY_REFUSED);
}

static void mistakes(void **state)
{
    static const struct {
        const char *more, *why, *line;
    } wrong[] = {
        {"program = /dpi\n", "as in [dpi]: audiences must say for whom", "line 5"},
        {"program = /dpi\naudiences = none\n", "audiences must say for whom", "line 6"},
        {"audiences =\nprogram = /dpi\n", "audiences must say for whom", "line 5"},
        {"program = /dpi\naudiences = b a\n", "[dpi] has it for the same program: a", "line 6"},
        {"program = /dpi\naudiences = *.b\n", "[dpi] has it for the same program: *.b", "line 6"},
        {"program = /dpi\naudiences = c\nsignature = no\n", "signature: goes by program", "line 7"},
        {"program = /dpi\naudiences = c\ntyped_pin = refuse\n", "say it in [dpi]", "line 7"},
        {"program = /dpi\naudiences = c\norigins = no\n", "origins: goes by program", "line 7"},
        {"program = /dpi\naudiences = c\n[y]\nprogram = /dpi\naudiences = d c\n",
         "[x] has it for the same program: c", "line 9"},
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[512];

        snprintf(text, sizeof text, "[dpi]\nprogram = /dpi /mail\naudiences = a *.b\n[x]\n%s",
                 wrong[i].more);
        write_file("10-a.conf", text);
        reload(*state);
        if (strstr(complaint(*state), wrong[i].why) == NULL ||
            strstr(complaint(*state), wrong[i].line) == NULL)
            fail_msg("%s: %s", wrong[i].more, complaint(*state));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(settings_by_audience, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_has_no_audience, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_best_word_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_is_the_same_program, set_up, tear_down),
        cmocka_unit_test_setup_teardown(apps_and_pages_are_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_files_keep_their_meaning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(site_and_user, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pages_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shown_as_a_part, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_mistake_keeps_the_parts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
