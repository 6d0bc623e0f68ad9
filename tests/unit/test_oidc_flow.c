/* SPDX-License-Identifier: Apache-2.0 */
/* Shared flights, CIBA's parameters, answers and token answers, UserInfo. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"
#include "oidc/answer.h"
#include "oidc/ciba_params.h"
#include "oidc/flight.h"
#include "oidc/par.h"
#include "oidc/token_endpoint.h"
#include "oidc/userinfo.h"

static unsigned calls;
static struct flight flight;
static struct waiter waiters[3];

static void count(void *user, const struct fail *fail)
{
    (void)user;
    (void)fail;
    calls++;
}

/* Joins again, and makes its neighbour leave, from inside the landing. */
static void meddle(void *user, const struct fail *fail)
{
    (void)fail;
    calls++;
    waiter_leave(&waiters[1]);
    flight_join(&flight, user, count, NULL);
}

static void test_flight(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        flight_join(&flight, &waiters[i], count, NULL);
    waiter_leave(&waiters[1]);
    waiter_leave(&waiters[1]);
    calls = 0;
    flight_land(&flight, NULL);
    assert_int_equal(calls, 2);
    flight_land(&flight, NULL);
    assert_int_equal(calls, 2);
}

static void test_flight_with_meddlers(void **state)
{
    (void)state;
    flight_join(&flight, &waiters[0], meddle, &waiters[0]);
    flight_join(&flight, &waiters[1], count, NULL);
    flight_join(&flight, &waiters[2], count, NULL);
    calls = 0;
    flight_land(&flight, NULL);
    assert_int_equal(calls, 2); /* the second left, the first waits for the next landing */
    flight_land(&flight, NULL);
    assert_int_equal(calls, 3);
    assert_null(flight.waiters);
}

static void test_login_hint(void **state)
{
    char hint[CIBA_IDENTIFIER_MAX + 1];

    (void)state;
    assert_true(ciba_normalise("99700000011", hint));
    assert_string_equal(hint, "899700000011");
    assert_true(ciba_normalise("899700000011", hint));
    assert_string_equal(hint, "899700000011");
    assert_true(ciba_normalise("ANS20261122000001", hint));
    assert_string_equal(hint, "ANS20261122000001");
    assert_true(ciba_normalise("500000001815646/CPAT00045", hint));
    assert_false(ciba_normalise("", hint));
    assert_false(ciba_normalise("8997 0000", hint));
    assert_false(ciba_normalise("a;b", hint));
    assert_false(ciba_normalise("\xc3\xa9", hint));
    assert_true(ciba_binding_valid("00") && ciba_binding_valid("99"));
    assert_false(ciba_binding_valid("0") || ciba_binding_valid("a0") || ciba_binding_valid("000"));
    assert_int_equal(ciba_clamp_expires(100000), CIBA_EXPIRES_MAX_S);
    assert_int_equal(ciba_clamp_expires(-3), 1);
    assert_int_equal(ciba_clamp_interval(0), 1);
    assert_int_equal(ciba_clamp_interval(61), 60);
}

static void check_answer(long status, const char *type, const char *body, cps_error error,
                         const char *reason)
{
    struct http_answer answer = {.status = status, .type = type, .body = body, .len = strlen(body)};
    AUTO_JSON json_t *json = NULL;
    struct fail fail = FAIL_INIT;

    assert_int_equal(answer_read(&answer, &json, &fail), error);
    assert_string_equal(fail.reason, reason);
    assert_int_equal(json != NULL, error == CPS_OK);
}

static void test_answers(void **state)
{
    static const char json[] = "application/json";

    (void)state;
    check_answer(200, json, "{}", CPS_OK, "");
    check_answer(200, "application/jwk-set+json", "{}", CPS_OK, "");
    check_answer(200, "text/html", "<html>", CPS_PROVIDER_ANSWER, "content_type");
    check_answer(200, "", "{}", CPS_PROVIDER_ANSWER, "content_type");
    check_answer(200, json, "[]", CPS_PROVIDER_ANSWER, "json");
    check_answer(200, json, "{\"a\":1,\"a\":1}", CPS_PROVIDER_ANSWER, "json");
    check_answer(200, json, "{", CPS_PROVIDER_ANSWER, "json");
    check_answer(204, json, "", CPS_PROVIDER_ANSWER, "status");
    check_answer(302, json, "{}", CPS_PROVIDER_ANSWER, "redirect");
    check_answer(400, json, "{\"error\":\"invalid_grant\"}", CPS_PROVIDER_ANSWER, "invalid_grant");
    check_answer(400, json, "{\"error\":\"in valid\"}", CPS_PROVIDER_ANSWER, "status");
    check_answer(400, "text/html", "{\"error\":\"slow_down\"}", CPS_PROVIDER_ANSWER, "status");
    check_answer(400, json, "{\"error\":\"invalid_client\"}", CPS_PROVIDER_CLIENT,
                 "invalid_client");
    check_answer(401, json, "", CPS_PROVIDER_CLIENT, "status");
    check_answer(403, "", "", CPS_PROVIDER_CLIENT, "status");
    check_answer(429, json, "{}", CPS_PROVIDER_UNAVAILABLE, "status");
    check_answer(503, json, "{\"error\":\"slow_down\"}", CPS_PROVIDER_UNAVAILABLE, "status");
}

static void check_tokens(const char *body, const char *reason)
{
    struct http_answer answer = {
        .status = 200, .type = "application/json", .body = body, .len = strlen(body)};
    AUTO_TOKENS struct tokens tokens = {0};
    struct fail fail = FAIL_INIT;

    tokens_read(&answer, &tokens, &fail);
    assert_string_equal(fail.reason, reason);
    assert_int_equal(tokens.access_token != NULL, reason[0] == '\0');
}

static void test_token_answers(void **state)
{
    (void)state;
    check_tokens("{\"token_type\":\"Bearer\",\"access_token\":\"a\"}", "");
    check_tokens("{\"token_type\":\"bEARER\",\"access_token\":\"a\",\"id_token\":null}", "");
    check_tokens("{\"token_type\":\"DPoP\",\"access_token\":\"a\"}", "token_type");
    check_tokens("{\"access_token\":\"a\"}", "token_type");
    check_tokens("{\"token_type\":\"Bearer\"}", "access_token");
    check_tokens("{\"token_type\":\"Bearer\",\"access_token\":\"\"}", "access_token");
    check_tokens("{\"token_type\":\"Bearer\",\"access_token\":\"a\\nb\"}", "access_token");
    check_tokens("{\"token_type\":\"Bearer\",\"access_token\":\"a\\\"b\"}", "access_token");
    check_tokens("{\"token_type\":\"Bearer\",\"access_token\":\"a\\\\b\"}", "access_token");
    check_tokens("{\"token_type\":\"Bearer\",\"access_token\":\"a b\"}", "access_token");
    check_tokens("{\"token_type\":\"Bearer\",\"access_token\":\"a\x7f\"}", "access_token");
    check_tokens("{\"token_type\":\"Bearer\",\"access_token\":[]}", "access_token");
    check_tokens("{\"token_type\":\"Bearer\",\"access_token\":\"a\",\"refresh_token\":7}",
                 "refresh_token");
}

static void test_the_longest_token(void **state)
{
    static const char start[] = "{\"token_type\":\"Bearer\",\"access_token\":\"";
    AUTO_FREE char *longest = NULL;
    AUTO_FREE char *longer = NULL;

    (void)state;
    assert_true(asprintf(&longest, "%s%0*d\"}", start, TOKEN_ACCESS_MAX, 0) > 0);
    assert_true(asprintf(&longer, "%s%0*d\"}", start, TOKEN_ACCESS_MAX + 1, 0) > 0);
    check_tokens(longest, "");
    check_tokens(longer, "access_token");
}

static void check_pushed(long status, const char *body, const char *reason)
{
    struct http_answer answer = {
        .status = status, .type = "application/json", .body = body, .len = strlen(body)};
    AUTO_FREE char *uri = NULL;
    struct fail fail = FAIL_INIT;

    assert_int_equal(par_read(&answer, &uri, &fail),
                     reason[0] == '\0' ? CPS_OK : CPS_PROVIDER_ANSWER);
    assert_string_equal(fail.reason, reason);
    assert_int_equal(uri != NULL, reason[0] == '\0');
}

static void test_pushed_requests(void **state)
{
    AUTO_FREE char *longest = NULL;
    AUTO_FREE char *longer = NULL;

    (void)state;
    check_pushed(201, "{\"request_uri\":\"urn:x\"}", "");
    check_pushed(200, "{\"request_uri\":\"urn:x\"}", "");
    check_pushed(202, "{\"request_uri\":\"urn:x\"}", "status");
    check_pushed(302, "{\"request_uri\":\"urn:x\"}", "redirect");
    check_pushed(201, "{\"request_uri\":\"\"}", "request_uri");
    check_pushed(201, "{\"request_uri\":7}", "request_uri");
    check_pushed(201, "{}", "request_uri");
    assert_true(asprintf(&longest, "{\"request_uri\":\"%0*d\"}", PAR_URI_MAX, 0) > 0);
    assert_true(asprintf(&longer, "{\"request_uri\":\"%0*d\"}", PAR_URI_MAX + 1, 0) > 0);
    check_pushed(201, longest, "");
    check_pushed(201, longer, "request_uri");
}

static void check_expiry(const char *expires, int64_t expected)
{
    char body[128];
    struct http_answer answer = {.status = 200, .type = "application/json", .body = body};
    AUTO_TOKENS struct tokens tokens = {0};
    struct fail fail = FAIL_INIT;

    answer.len = (size_t)snprintf(body, sizeof body,
                                  "{\"token_type\":\"Bearer\",\"access_token\":\"a\"%s}", expires);
    assert_int_equal(tokens_read(&answer, &tokens, &fail), CPS_OK);
    assert_int_equal(tokens.access_token_exp_at, expected);
}

static void test_token_expiry(void **state)
{
    (void)state;
    clock_fake(-1, 1700000000);
    check_expiry(",\"expires_in\":120", 1700000120);
    check_expiry(",\"expires_in\":0", 1700000000);
    check_expiry(",\"expires_in\":-5", 1700000000);
    check_expiry(",\"expires_in\":99999999999", 1700086400);
    check_expiry("", 1700000060);
    clock_fake(-1, -1);
}

static void test_userinfo(void **state)
{
    AUTO_JSON json_t *raw = json_loads(
        "{\"sub\":\"s\",\"SubjectNameID\":\"899700000011\",\"email\":\"\",\"SubjectRole\":\"r\","
        "\"otherIDs\":[{\"identifiant\":\"1\",\"qualite\":\"2\"},{\"identifiant\":3},7],"
        "\"SubjectRefPro\":{\"codeCivilite\":\"M\",\"exercices\":[null,{\"codeProfession\":\"10\","
        "\"activities\":[{\"codeModeExercice\":\"L\",\"codeRole\":\"\",\"x\":1},[]]}]},\"new\":1}",
        0, NULL);
    AUTO_JSON json_t *expected = json_loads(
        "{\"sub\":\"s\",\"SubjectNameID\":\"899700000011\",\"SubjectRole\":[\"r\"],"
        "\"otherIds\":[{\"identifiant\":\"1\",\"qualite\":2}],"
        "\"SubjectRefPro\":{\"codeCivilite\":\"M\",\"exercices\":[{\"codeProfession\":\"10\","
        "\"activities\":[{\"codeModeExercice\":\"L\"}]}]}}",
        0, NULL);
    AUTO_JSON json_t *claims = json_pack("{s:s}", "sub", "s");
    AUTO_JSON json_t *others = json_pack("{s:s}", "sub", "t");
    AUTO_JSON json_t *info = NULL;
    const struct profile profile = {.psc = true};
    struct fail fail = FAIL_INIT;

    (void)state;
    assert_int_equal(userinfo_read(raw, claims, &profile, &info, &fail), CPS_OK);
    assert_true(json_equal(info, expected));
    assert_int_equal(userinfo_read(raw, others, &profile, &info, &fail), CPS_ID_TOKEN_REJECTED);
    assert_string_equal(fail.reason, "userinfo_sub");
}

static cps_error read_userinfo(json_t *raw, json_t **ret_info)
{
    AUTO_JSON json_t *claims = json_pack("{s:s}", "sub", "s");
    const struct profile profile = {.psc = true};
    struct fail fail = FAIL_INIT;
    cps_error error = userinfo_read(raw, claims, &profile, ret_info, &fail);

    assert_string_equal(fail.reason, error == CPS_OK ? "" : "userinfo_size");
    return error;
}

/* Texts of 512 bytes and lists of 64: what is longer is left out. */
static void test_limits_of_userinfo(void **state)
{
    AUTO_JSON json_t *raw = json_pack("{s:s}", "sub", "s");
    AUTO_JSON json_t *exercices = json_array();
    AUTO_JSON json_t *info = NULL;
    json_t *found;
    char text[513];

    (void)state;
    memset(text, 't', sizeof text);
    json_object_set_new(raw, "name", json_stringn(text, 512));
    json_object_set_new(raw, "email", json_stringn(text, 513));
    for (int i = 0; i < 65; i++)
        json_array_append_new(exercices, json_pack("{s:s}", "code", "1"));
    json_object_set_new(raw, "SubjectRefPro",
                        json_pack("{s:[{s:O}]}", "exercices", "activities", exercices));
    assert_int_equal(read_userinfo(raw, &info), CPS_OK);
    assert_int_equal(json_string_length(json_object_get(info, "name")), 512);
    assert_null(json_object_get(info, "email"));
    found = json_object_get(json_object_get(info, "SubjectRefPro"), "exercices");
    found = json_object_get(json_array_get(found, 0), "activities");
    assert_int_equal(json_array_size(found), 64);
}

/* The largest that fits its packet, and one byte more. */
static void test_the_largest_userinfo(void **state)
{
    AUTO_JSON json_t *raw = json_pack("{s:s, s:{}}", "sub", "s", "SubjectRefPro");
    AUTO_JSON json_t *info = NULL;
    AUTO_JSON json_t *largest = NULL;
    AUTO_JSON json_t *larger = NULL;
    json_t *reference = json_object_get(raw, "SubjectRefPro");
    char name[16], text[512];
    size_t left;

    (void)state;
    memset(text, 't', sizeof text);
    for (int i = 0; i < 46; i++) {
        snprintf(name, sizeof name, "n%04d", i);
        json_object_set_new(reference, name, json_stringn(text, 512));
    }
    assert_int_equal(read_userinfo(raw, &info), CPS_OK);
    left = USERINFO_MAX - json_dumpb(info, NULL, 0, JSON_COMPACT) - strlen(",\"last\":\"\"");
    assert_in_range(left, 1, 511);
    json_object_set_new(reference, "last", json_stringn(text, left));
    assert_int_equal(read_userinfo(raw, &largest), CPS_OK);
    json_object_set_new(reference, "last", json_stringn(text, left + 1));
    assert_int_equal(read_userinfo(raw, &larger), CPS_PROVIDER_ANSWER);
    assert_null(larger);
}

/* Another provider's claims: those that the profile names, the signed ones first. */
static void test_userinfo_of_another_provider(void **state)
{
    AUTO_JSON json_t *raw =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "sub", "s", "SubjectNameID", "899700000029", "rpps",
                  "899700000029", "prenom", "LÉA", "name", "Léa Essai");
    AUTO_JSON json_t *claims = json_pack("{s:s, s:s}", "sub", "s", "rpps", "899700000011");
    AUTO_JSON json_t *named = NULL;
    AUTO_JSON json_t *nameless = NULL;
    struct profile profile = {.claim_national_id = "rpps", .claim_given_name = "prenom"};
    struct fail fail = FAIL_INIT;

    (void)state;
    assert_int_equal(userinfo_read(raw, claims, &profile, &named, &fail), CPS_OK);
    assert_string_equal(json_get_string(named, "SubjectNameID"), "899700000011");
    assert_string_equal(json_get_string(named, "given_name"), "LÉA");
    assert_string_equal(json_get_string(named, "name"), "Léa Essai");
    assert_null(json_get_string(named, "family_name"));
    profile.claim_national_id = NULL; /* then nothing passes for one */
    assert_int_equal(userinfo_read(raw, claims, &profile, &nameless, &fail), CPS_OK);
    assert_null(json_get_string(nameless, "SubjectNameID"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flight),
        cmocka_unit_test(test_flight_with_meddlers),
        cmocka_unit_test(test_login_hint),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_token_answers),
        cmocka_unit_test(test_the_longest_token),
        cmocka_unit_test(test_pushed_requests),
        cmocka_unit_test(test_token_expiry),
        cmocka_unit_test(test_userinfo),
        cmocka_unit_test(test_userinfo_of_another_provider),
        cmocka_unit_test(test_limits_of_userinfo),
        cmocka_unit_test(test_the_largest_userinfo),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
