/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions without cards, provider or clients, at a time of the test's own. */
#ifndef TESTS_SESSION_BENCH_H
#define TESTS_SESSION_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/cards.h"
#include "agent/keys.h"
#include "agent/oidc.h"
#include "agent/sessions.h"
#include "agent/tokens.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/util.h"

#define NOW     1700000000
#define MINUTES 60000

#define NURSE  "899700002011"
#define DOCTOR "899700001011"

static struct agent agent;
static char state_dir[] = "/tmp/cps-test-sessions-XXXXXX";
static struct keys *keys;

static inline int make_keys(void **state)
{
    struct fail fail;

    (void)state;
    keys = mkdtemp(state_dir) != NULL ? keys_new(state_dir, &fail) : NULL;
    return keys != NULL ? 0 : -1;
}

static inline int remove_keys(void **state)
{
    static const char *const files[] = {KEYS_STATEMENT_FILE, KEYS_PSEUDONYM_FILE};
    char path[128];

    (void)state;
    keys_free(keys);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", state_dir, files[i]);
        unlink(path);
    }
    return rmdir(state_dir);
}

static inline int start(const char *settings)
{
    static const struct config_key known[] = {{"session", "borrow", CONFIG_STRING, 0, 0}, {0}};
    char path[] = "/tmp/cps-test-sessions-XXXXXX";
    int fd = mkstemp(path);
    struct fail fail;
    bool written = fd >= 0 && dprintf(fd, "%s", settings) >= 0;

    if (fd >= 0)
        close(fd);
    clock_fake(0, NOW);
    agent = (struct agent){0};
    if (!written || sd_event_new(&agent.event) < 0 ||
        config_load(path, known, false, &agent.config, &fail) != CPS_OK)
        return -1;
    unlink(path);
    agent.options.config_dir = "/nonexistent";
    agent.keys = keys;
    agent.cards = cards_new(&agent);
    agent.oidc = oidc_new(&agent);
    agent.sessions = sessions_new(&agent);
    return agent.sessions != NULL ? 0 : -1;
}

static inline int parking(void **state)
{
    (void)state;
    return start("[session]\nborrow = park\n");
}

static inline int ending(void **state)
{
    (void)state;
    return start("");
}

static inline int tear_down(void **state)
{
    (void)state;
    sessions_free(agent.sessions);
    oidc_free(agent.oidc);
    cards_free(agent.cards);
    config_free(agent.config);
    sd_event_unref(agent.event);
    clock_fake(-1, -1);
    return 0;
}

static inline void look(struct session *session, void *user)
{
    (void)user;
    session_look(session);
}

static inline void at_minute(int64_t minute)
{
    clock_fake(minute * MINUTES, NOW + minute * 60);
    sessions_visit(agent.sessions, look, NULL);
}

static inline json_t *holder_of(const char *person)
{
    return json_pack("{s:s, s:s}", "name", person, "national_id", person);
}

static inline struct login_proof by_card(const char *person, const char *reader)
{
    return (struct login_proof){.method = "card",
                                .amr = json_pack("[s, s, s, s]", "sc", "pin", "hwk", "mfa"),
                                .auth_time_s = clock_real_s(),
                                .holder = holder_of(person),
                                .card = json_pack("{s:s, s:s}", "reader", reader, "family", "CPS3"),
                                .reader = reader};
}

static inline struct login_proof by_provider(const char *person, const char *method,
                                             int64_t auth_time_s)
{
    return (struct login_proof){
        .method = method,
        .amr = json_pack("[s]", "mfa"),
        .acr = strdup("eidas1"),
        .auth_time_s = auth_time_s,
        .holder = holder_of(person),
        .psc = json_pack("{s:s, s:s}", "provider", "test", "subject_name_id", person),
        .tokens = json_pack("{s:s+, s:s, s:I, s:s, s:I}", "handle", "of ", person, "provider",
                            "test", "auth_at", (json_int_t)auth_time_s, "access_token", person,
                            "access_token_exp_at", (json_int_t)clock_real_s() + 120)};
}

static inline cps_error log_in(struct login_proof proof, enum sessions_outcome *ret_outcome)
{
    struct fail fail = FAIL_INIT;

    if (sessions_login(agent.sessions, &proof, ret_outcome, &fail) != CPS_OK)
        login_proof_refuse(&agent, &proof);
    assert_null(proof.holder); /* taken over, or refused */
    return fail.code;
}

/* A login that opens a session; its epoch. */
static inline int64_t open_for(struct login_proof proof)
{
    enum sessions_outcome outcome;

    assert_int_equal(log_in(proof, &outcome), CPS_OK);
    assert_int_equal(outcome, SESSIONS_OPENED);
    return session_epoch(agent.session);
}

static inline cps_error unlock(struct login_proof proof)
{
    struct fail fail = FAIL_INIT;

    if (sessions_unlock(agent.sessions, session_epoch(agent.session), &proof, &fail) != CPS_OK)
        login_proof_refuse(&agent, &proof);
    return fail.code;
}

static inline bool is_desk(const char *person, enum session_state state)
{
    const struct login_proof *owner = session_owner_proof(agent.session);

    return owner != NULL && session_state(agent.session) == state &&
           strcmp(json_get_string(owner->holder, "national_id"), person) == 0;
}

static inline cps_error step_up(struct login_proof proof, int64_t max_age_s)
{
    struct fail fail = FAIL_INIT;

    if (sessions_step_up(agent.sessions, session_epoch(agent.session), max_age_s, &proof, &fail) !=
        CPS_OK)
        login_proof_refuse(&agent, &proof);
    return fail.code;
}

/* A test where the next login ends the session that is there, and one where it parks it. */
#define ENDING(test)  cmocka_unit_test_setup_teardown(test, ending, tear_down)
#define PARKING(test) cmocka_unit_test_setup_teardown(test, parking, tear_down)

#endif
