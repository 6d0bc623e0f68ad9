/* SPDX-License-Identifier: Apache-2.0 */
/* The table of claims checks, at a frozen time: each rule at its edges, and the order of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/util.h"
#include "oidc/idtoken.h"

#define NOW 1700000000

static char *acr[] = {(char[]){"eidas1"}, (char[]){"eidas3"}, NULL};

static struct idtoken_expect expected(void)
{
    return (struct idtoken_expect){
        .issuer = "https://idp.example.test/realm",
        .client_id = "client",
        .nonce = "nonce-of-the-request",
        .access_token = "jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y",
        .accepted_acr = acr,
        .typ_required = true,
        .leeway_s = 30,
        .max_age_s = -1,
    };
}

static json_t *good_claims(void)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:s}", "iss",
                     "https://idp.example.test/realm", "sub", "f:uuid:899700000011", "aud",
                     "client", "azp", "client", "exp", (json_int_t)NOW + 120, "iat",
                     (json_int_t)NOW, "auth_time", (json_int_t)NOW - 10, "nonce",
                     "nonce-of-the-request", "at_hash", "77QmUPtjPfzWtF2AnpK9RQ", "typ", "ID",
                     "acr", "eidas3", "SubjectNameID", "899700000011");
}

/* One member changed (JSON text; NULL removes it), the reason that must come ("": accepted). */
struct change {
    const char *member;
    const char *value;
    const char *reason;
};

static void check_with(const struct change *change, const struct idtoken_expect *expect)
{
    AUTO_JSON json_t *claims = good_claims();
    struct fail fail = FAIL_INIT;
    cps_error error;

    if (change->member != NULL && change->value != NULL)
        json_object_set_new(claims, change->member,
                            json_loads(change->value, JSON_DECODE_ANY, NULL));
    else if (change->member != NULL)
        json_object_del(claims, change->member);
    error = idtoken_check(claims, expect, &fail);
    if (strcmp(fail.reason, change->reason) != 0)
        fail_msg("%s = %s: \"%s\" instead of \"%s\"", change->member, change->value, fail.reason,
                 change->reason);
    assert_int_equal(error, change->reason[0] == '\0' ? CPS_OK : CPS_ID_TOKEN_REJECTED);
}

static void check_all(const struct change *changes, size_t n, const struct idtoken_expect *expect)
{
    clock_fake(-1, NOW);
    for (size_t i = 0; i < n; i++)
        check_with(&changes[i], expect);
    clock_fake(-1, -1);
}

#define CHECK_ALL(changes, expect) check_all(changes, sizeof(changes) / sizeof *(changes), expect)

static void test_code_flow(void **state)
{
    static const struct change changes[] = {
        {NULL, NULL, ""},
        {"iss", "\"https://idp.example.test/realm/\"", "iss"},
        {"iss", "\"https://IDP.example.test/realm\"", "iss"},
        {"iss", NULL, "iss"},
        {"iss", "[\"https://idp.example.test/realm\"]", "iss"},
        {"sub", NULL, "sub"},
        {"sub", "\"\"", "sub"},
        {"sub", "7", "sub"},
        {"sub", "\"\\u00e9\"", "sub"},
        {"sub", "\"a\\tb\"", "sub"},
        {"sub", "\"a\\u007fb\"", "sub"},
        {"aud", "\"another\"", "aud"},
        {"aud", NULL, "aud"},
        {"aud", "{}", "aud"},
        {"aud", "[]", "aud"},
        {"aud", "[\"client\"]", ""},
        {"aud", "[\"another\"]", "aud"},
        {"aud", "[\"client\", 3]", "aud"},
        {"aud", "[\"client\", \"another\"]", ""}, /* azp is ours */
        {"azp", "\"another\"", "azp"},
        {"azp", "null", "azp"},
        {"azp", NULL, ""},
        {"exp", "1700000001", ""},
        {"exp", "1700000000", "iat"}, /* issued when it expires */
        {"exp", "1699999971", "iat"}, /* within the leeway, but then issued after it expired */
        {"exp", "1699999970", "exp"},
        {"exp", "\"1700000120\"", "exp"},
        {"exp", "1700000120.5", "exp"},
        {"exp", "null", "exp"},
        {"exp", NULL, "exp"},
        {"iat", "1700000030", ""},
        {"iat", "1700000031", "iat"},
        {"iat", "1700000120", "iat"},
        {"iat", NULL, "iat"},
        {"iat", "true", "iat"},
        {"nbf", "1700000030", ""},
        {"nbf", "1700000031", "nbf"},
        {"nbf", "\"0\"", "nbf"},
        {"nonce", "\"nonce-of-another-req\"", "nonce"},
        {"nonce", "\"nonce\"", "nonce"},
        {"nonce", "\"nonce-of-the-request-\"", "nonce"},
        {"nonce", "\"\"", "nonce"},
        {"nonce", NULL, "nonce"},
        {"at_hash", "\"AAAAAAAAAAAAAAAAAAAAAA\"", "at_hash"},
        {"at_hash", "\"\"", "at_hash"},
        {"at_hash", "null", "at_hash"},
        {"at_hash", NULL, ""},
        {"typ", "\"Bearer\"", "typ"},
        {"typ", "\"id\"", "typ"},
        {"typ", NULL, "typ"},
        {"acr", "\"eidas2\"", "acr"},
        {"acr", "\"eidas1\"", ""},
        {"acr", "3", "acr"},
        {"acr", NULL, "acr"},
        {"auth_time", "1699985570", ""}, /* four hours and the leeway */
        {"auth_time", "1699985569", "auth_time"},
        {"auth_time", "1700000031", "auth_time"},
        {"auth_time", "\"1699999990\"", "auth_time"},
        {"auth_time", "-1", "auth_time"},
        {"auth_time", "0", ""},
        {"auth_time", NULL, ""},
    };
    struct idtoken_expect expect = expected();

    (void)state;
    CHECK_ALL(changes, &expect);
}

static void test_azp_is_required_with_several_audiences(void **state)
{
    AUTO_JSON json_t *claims = good_claims();
    struct idtoken_expect expect = expected();
    struct fail fail = FAIL_INIT;

    (void)state;
    clock_fake(-1, NOW);
    json_object_set_new(claims, "aud", json_pack("[s, s]", "client", "another"));
    json_object_del(claims, "azp");
    assert_int_equal(idtoken_check(claims, &expect, &fail), CPS_ID_TOKEN_REJECTED);
    assert_string_equal(fail.reason, "azp");
    clock_fake(-1, -1);
}

/* The longest sub that is kept, and one more. */
static void test_longest_sub(void **state)
{
    AUTO_JSON json_t *claims = good_claims();
    struct idtoken_expect expect = expected();
    char sub[IDTOKEN_SUB_MAX + 2] = "";

    (void)state;
    clock_fake(-1, NOW);
    for (size_t more = 0; more < 2; more++) {
        struct fail fail = FAIL_INIT;

        memset(sub, 's', IDTOKEN_SUB_MAX + more);
        json_object_set_new(claims, "sub", json_string(sub));
        assert_int_equal(idtoken_check(claims, &expect, &fail),
                         more == 0 ? CPS_OK : CPS_ID_TOKEN_REJECTED);
        assert_string_equal(fail.reason, more == 0 ? "" : "sub");
    }
    clock_fake(-1, -1);
}

/* An RPPS is written with or without its 8; nothing else has two forms. */
static void test_forms_of_one_person(void **state)
{
    static const struct {
        const char *subject, *hint;
        bool fits, other_form;
    } cases[] = {
        {"899700000011", "899700000011", true, false},
        {"99700000011", "899700000011", true, true},
        {"899700000011", "99700000011", true, true},
        {"99700000011", "999700000011", false, false}, /* no 8 */
        {"999700000011", "99700000011", false, false},
        {"99700000011", "899700000029", false, false},
        {"99700000029", "899700000011", false, false},
        {"9970000001", "89970000001", false, false}, /* too short to be an RPPS */
        {"997000000117", "8997000000117", false, false},
        {"99700000011A", "899700000011A", false, false},
        {"ANS20261122", "8ANS20261122", false, false},
        {"8ANS20261122", "ANS20261122", false, false},
        {"", "8", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool other_form = !cases[i].other_form;

        if (idtoken_subject_fits(cases[i].subject, cases[i].hint, &other_form) != cases[i].fits)
            fail_msg("%s asked as %s", cases[i].subject, cases[i].hint);
        assert_int_equal(other_form, cases[i].other_form);
    }
}

static void test_ciba(void **state)
{
    static const struct change changes[] = {
        {NULL, NULL, ""},
        {"nonce", NULL, ""},
        {"nonce", "\"any\"", ""},
        {"SubjectNameID", "\"899700000029\"", "subject"},
        {"SubjectNameID", "\"99700000011\"", ""}, /* without its 8 */
        {"SubjectNameID", "[\"899700000011\"]", "subject"},
        {"SubjectNameID", NULL, "subject"},
        {"urn:openid:params:jwt:claim:auth_req_id", "\"request\"", ""},
        {"urn:openid:params:jwt:claim:auth_req_id", "\"another\"", "auth_req_id"},
        {"urn:openid:params:jwt:claim:auth_req_id", "1", "auth_req_id"},
        {"auth_time", "1699999930", ""},
        {"auth_time", "1699999929", "auth_time"}, /* before the request */
        {"auth_time", "0", ""},
    };
    struct idtoken_expect expect = expected();

    (void)state;
    expect.nonce = NULL;
    expect.login_hint = "899700000011";
    expect.auth_req_id = "request";
    expect.auth_not_before = NOW - 40;
    CHECK_ALL(changes, &expect);
}

/* Another provider has its own claim for the person. */
static void test_ciba_of_another_provider(void **state)
{
    static const struct change changes[] = {
        {"rpps", "\"899700000011\"", ""},
        {"rpps", "\"899700000029\"", "subject"},
        {"rpps", NULL, "subject"},
    };
    struct idtoken_expect expect = expected();

    (void)state;
    expect.login_hint = "899700000011";
    expect.subject_claim = "rpps";
    CHECK_ALL(changes, &expect);
}

static void test_max_age(void **state)
{
    static const struct change changes[] = {
        {NULL, NULL, ""},
        {"auth_time", "1699999670", ""},
        {"auth_time", "1699999669", "auth_time"},
        {"auth_time", "0", "auth_time"},
        {"auth_time", NULL, "auth_time"},
    };
    struct idtoken_expect expect = expected();

    (void)state;
    expect.max_age_s = 300;
    CHECK_ALL(changes, &expect);
}

static void test_refresh(void **state)
{
    static const struct change changes[] = {
        {NULL, NULL, ""},
        {"nonce", NULL, ""},
        {"nonce", "\"another\"", "nonce"},
        {"sub", "\"f:uuid:899700000029\"", "sub"},
    };
    struct idtoken_expect expect = expected();

    (void)state;
    expect.nonce_optional = true;
    expect.sub = "f:uuid:899700000011";
    CHECK_ALL(changes, &expect);
}

static void test_standard_provider(void **state)
{
    static const struct change changes[] = {{"typ", NULL, ""},
                                            {"typ", "\"Bearer\"", "typ"},
                                            {"acr", NULL, ""},
                                            {"acr", "\"0\"", "acr"}};
    struct idtoken_expect expect = expected();

    (void)state;
    expect.typ_required = false;
    expect.acr_absent_accepted = true;
    CHECK_ALL(changes, &expect);
}

/* Which levels are accepted is the site's to say: none said, any will do. */
static void test_any_acr(void **state)
{
    static char *none[] = {NULL};
    static const struct change changes[] = {{"acr", "\"0\"", ""}, {"acr", NULL, "acr"}};
    struct idtoken_expect expect = expected();

    (void)state;
    expect.accepted_acr = none;
    CHECK_ALL(changes, &expect);
}

/* A token wrong in every way is refused for the first rule of the list, then the second… */
static void test_order(void **state)
{
    static const char *const order[] = {"iss", "sub",   "aud",     "azp", "exp", "iat",
                                        "nbf", "nonce", "at_hash", "typ", "acr", "auth_time"};
    AUTO_JSON json_t *wrong = json_object();
    struct idtoken_expect expect = expected();

    (void)state;
    clock_fake(-1, NOW);
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        json_object_set_new(wrong, order[i], json_false());
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        AUTO_JSON json_t *good = good_claims();
        struct fail fail = FAIL_INIT;

        assert_int_equal(idtoken_check(wrong, &expect, &fail), CPS_ID_TOKEN_REJECTED);
        assert_string_equal(fail.reason, order[i]);
        if (json_object_get(good, order[i]) != NULL)
            json_object_set(wrong, order[i], json_object_get(good, order[i]));
        else
            json_object_del(wrong, order[i]);
    }
    clock_fake(-1, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_code_flow),
        cmocka_unit_test(test_azp_is_required_with_several_audiences),
        cmocka_unit_test(test_longest_sub),
        cmocka_unit_test(test_forms_of_one_person),
        cmocka_unit_test(test_ciba),
        cmocka_unit_test(test_ciba_of_another_provider),
        cmocka_unit_test(test_max_age),
        cmocka_unit_test(test_refresh),
        cmocka_unit_test(test_standard_provider),
        cmocka_unit_test(test_any_acr),
        cmocka_unit_test(test_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
