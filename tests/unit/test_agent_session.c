/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jose/jose.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cards.h"
#include "agent/keys.h"
#include "agent/sessions.h"
#include "agent/statement.h"
#include "base/b64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

#define NOW 1700000000

static struct agent agent;

static int set_up(void **state)
{
    (void)state;
    clock_fake(-1, NOW);
    agent = (struct agent){0};
    if (sd_event_new(&agent.event) < 0)
        return -1;
    agent.cards = cards_new(&agent);
    agent.sessions = sessions_new(&agent);
    return agent.sessions != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    cards_free(agent.cards);
    sessions_free(agent.sessions);
    sd_event_unref(agent.event);
    clock_fake(-1, -1);
    return 0;
}

static void log_in(struct login_proof *proof)
{
    enum sessions_outcome outcome;
    struct fail fail;

    assert_int_equal(sessions_login(agent.sessions, proof, &outcome, &fail), CPS_OK);
    assert_int_equal(outcome, SESSIONS_OPENED);
}

static void open_by_card(int64_t auth_time_s)
{
    struct login_proof proof = {
        .method = "card",
        .amr = json_pack("[s, s]", "sc", "pin"),
        .auth_time_s = auth_time_s,
        .holder =
            json_pack("{s:s, s:s}", "name", "ADELINE VALMONT1011", "national_id", "899700001011"),
        .card = json_pack("{s:s, s:s, s:s}", "reader", "R", "family", "CPS3", "serial_hash", "h"),
        .reader = "R"};

    log_in(&proof);
    assert_null(proof.amr); /* taken over */
}

static void open_by_phone(void)
{
    struct login_proof proof = {.method = "ecps",
                                .amr = json_pack("[s]", "mfa"),
                                .acr = strdup("eidas1"),
                                .auth_time_s = NOW,
                                .holder = json_pack("{s:s}", "name", "x"),
                                .psc = json_pack("{s:s}", "issuer", "https://idp.example")};

    log_in(&proof);
}

static int64_t epoch(void)
{
    return session_epoch(agent.session);
}

static void every_change_has_an_epoch_of_its_own(void **state)
{
    int64_t before = epoch();

    (void)state;
    assert_false(session_is_open(agent.session));
    assert_null(session_proof(agent.session));
    open_by_card(NOW);
    assert_true(session_is_open(agent.session));
    assert_true(epoch() > before);
    before = epoch();
    open_by_phone(); /* another login closes the session and opens one */
    assert_true(session_is_open(agent.session));
    assert_int_equal(epoch(), before + 2);
    for (int input = SESSION_CLOSERS; input < SESSION_INPUTS; input++) {
        open_by_card(NOW);
        before = epoch();
        session_input(agent.session, (enum session_input)input);
        assert_false(session_is_open(agent.session));
        assert_int_equal(epoch(), before + 1);
        session_input(agent.session, (enum session_input)input); /* nothing to close: ignored */
        assert_int_equal(epoch(), before + 1);
    }
}

static void only_its_own_card_closes_it(void **state)
{
    (void)state;
    open_by_card(NOW);
    sessions_card_removed(agent.sessions, "another reader");
    assert_true(session_is_open(agent.session));
    sessions_card_removed(agent.sessions, "R");
    assert_false(session_is_open(agent.session));
    open_by_phone();
    sessions_card_removed(agent.sessions, "R");
    assert_true(session_is_open(agent.session));
}

static void it_ends_four_hours_after_the_login(void **state)
{
    (void)state;
    open_by_card(NOW - SESSION_MAX_S + 1);
    while (sd_event_run(agent.event, 0) > 0) /* it is told that it is about to end */
        ;
    assert_true(session_is_open(agent.session));
    open_by_card(NOW - SESSION_MAX_S);
    assert_true(sd_event_run(agent.event, 5000000) > 0);
    assert_false(session_is_open(agent.session));
}

static void the_epoch_of_a_request(void **state)
{
    AUTO_JSON json_t *none = json_object();
    AUTO_JSON json_t *right = NULL;
    struct fail fail;

    (void)state;
    open_by_card(NOW);
    right = json_pack("{s:I}", "epoch", (json_int_t)epoch());
    assert_int_equal(session_check_epoch(agent.session, none, &fail), CPS_OK);
    assert_int_equal(session_check_epoch(agent.session, right, &fail), CPS_OK);
    open_by_card(NOW);
    assert_int_equal(session_check_epoch(agent.session, right, &fail), CPS_SESSION_CHANGED);
    assert_int_equal(session_check_epoch(agent.session, none, &fail), CPS_OK);
}

static void what_the_api_shows(void **state)
{
    AUTO_JSON json_t *none = session_json(agent.session);
    AUTO_JSON json_t *shown = NULL;
    AUTO_JSON json_t *phone = NULL;

    (void)state;
    assert_true(json_is_null(none));
    open_by_card(NOW);
    shown = session_json(agent.session);
    assert_string_equal(json_get_string(shown, "id"), session_id(agent.session));
    assert_int_equal(strlen(session_id(agent.session)), 22);
    assert_int_equal(json_get_int(shown, "auth_time", 0), NOW);
    assert_int_equal(json_get_int(shown, "expires_at", 0), NOW + SESSION_MAX_S);
    assert_string_equal(json_get_string(shown, "presence"), "card");
    assert_null(json_object_get(json_get_object(shown, "card"), "serial_hash"));
    assert_true(json_is_null(json_object_get(shown, "psc")));
    assert_null(json_object_get(shown, "acr"));
    open_by_phone();
    phone = session_json(agent.session);
    assert_string_equal(json_get_string(phone, "presence"), "none");
    assert_string_equal(json_get_string(phone, "acr"), "eidas1");
    assert_true(json_is_null(json_object_get(phone, "card")));
    assert_string_not_equal(json_get_string(phone, "id"), json_get_string(shown, "id"));
}

/* The claims of a compact JWS, once libjose has accepted its signature. */
static json_t *verified_claims(const char *compact)
{
    AUTO_JSON json_t *jwks = keys_jwks(agent.keys);
    AUTO_FREE char *copy = strdup(compact);
    char *payload = strchr(copy, '.') + 1;
    char *signature = strchr(payload, '.') + 1;
    AUTO_JSON json_t *jws = NULL;
    uint8_t text[4096];
    ptrdiff_t len;

    payload[-1] = signature[-1] = '\0';
    jws =
        json_pack("{s:s, s:s, s:s}", "protected", copy, "payload", payload, "signature", signature);
    assert_true(
        jose_jws_ver(NULL, jws, NULL, json_array_get(json_get_array(jwks, "keys"), 0), false));
    len = b64_decode(payload, strlen(payload), text, sizeof text);
    assert_true(len > 0);
    return json_parse_strict((const char *)text, (size_t)len);
}

static json_t *state_it(const char *nonce)
{
    AUTO_FREE char *jws = NULL;
    int64_t expires_at_s = 0;
    struct fail fail;

    assert_int_equal(statement_make(&agent,
                                    &(struct statement_want){.audience = "dpi", .nonce = nonce},
                                    &jws, &expires_at_s, &fail),
                     CPS_OK);
    assert_int_equal(expires_at_s, NOW + STATEMENT_TTL_S);
    return verified_claims(jws);
}

static void statements(void **state)
{
    char dir[] = "/tmp/cps-test-statement-XXXXXX", path[64];
    AUTO_JSON json_t *card = NULL;
    AUTO_JSON json_t *again = NULL;
    AUTO_JSON json_t *phone = NULL;
    char *jws = NULL;
    int64_t expires_at_s = 0;
    struct fail fail;

    (void)state;
    assert_non_null(mkdtemp(dir));
    agent.keys = keys_new(dir, &fail);
    assert_non_null(agent.keys);
    assert_int_equal(statement_make(&agent, &(struct statement_want){.audience = "a", .nonce = "n"},
                                    &jws, &expires_at_s, &fail),
                     CPS_NO_SESSION);
    assert_null(jws);

    open_by_card(NOW - 600);
    card = state_it("12345678");
    again = state_it("12345678");
    assert_string_equal(json_get_string(card, "aud"), "dpi");
    assert_string_equal(json_get_string(card, "nonce"), "12345678");
    assert_string_equal(json_get_string(card, "sub"), "899700001011");
    assert_int_equal(json_get_int(card, "auth_time", 0), NOW - 600); /* not the statement's time */
    assert_int_equal(json_get_int(card, "iat", 0), NOW);
    assert_string_equal(json_get_string(json_get_object(card, "card"), "serial_hash"), "h");
    assert_null(json_object_get(json_get_object(card, "card"), "reader"));
    assert_string_not_equal(json_get_string(card, "jti"), json_get_string(again, "jti"));

    open_by_phone();
    phone = state_it("12345678");
    assert_null(json_object_get(phone, "card"));
    assert_string_equal(json_get_string(phone, "presence"), "none");
    assert_string_equal(json_get_string(phone, "acr"), "eidas1");
    assert_int_equal(json_get_int(json_get_object(phone, "session"), "epoch", 0), epoch());

    keys_free(agent.keys);
    snprintf(path, sizeof path, "%s/" KEYS_STATEMENT_FILE, dir);
    unlink(path);
    snprintf(path, sizeof path, "%s/" KEYS_PSEUDONYM_FILE, dir);
    unlink(path);
    assert_int_equal(rmdir(dir), 0);
}

#define WITH_AGENT(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_AGENT(every_change_has_an_epoch_of_its_own),
        WITH_AGENT(only_its_own_card_closes_it),
        WITH_AGENT(it_ends_four_hours_after_the_login),
        WITH_AGENT(the_epoch_of_a_request),
        WITH_AGENT(what_the_api_shows),
        WITH_AGENT(statements),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
