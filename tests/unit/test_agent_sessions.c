/* SPDX-License-Identifier: Apache-2.0 */
/* Locking, borrowing and renewing: every state and input, and whose is what. */
#include "tests/unit/session_bench.h"

/* The state machine ------------------------------------------------------------------------- */

/* What must come of each input; all others close. */
static enum session_state expected(enum session_state state, enum session_input input)
{
    bool locks = input == SESSION_LOCK || input == SESSION_LOCK_SCREEN;

    switch (state) {
    case SESSION_NONE:
        return input == SESSION_LOGIN ? SESSION_OPEN : SESSION_NONE;
    case SESSION_OPEN:
    case SESSION_LOCKED:
        if (input == SESSION_UNLOCK)
            return SESSION_OPEN;
        if (locks)
            return SESSION_LOCKED;
        return input == SESSION_PARK ? SESSION_PARKED : SESSION_NONE;
    case SESSION_PARKED:
        if (locks || input == SESSION_PARK)
            return SESSION_PARKED;
        return input == SESSION_RESUME ? SESSION_LOCKED : SESSION_NONE;
    default:
        return SESSION_NONE;
    }
}

/* A session of its own in that state, at the desk so that nothing frees it. */
static void reach(enum session_state state)
{
    session_input(agent.session, SESSION_LOGOUT);
    if (state == SESSION_NONE)
        return;
    open_for(by_card(NURSE, "R"));
    if (state == SESSION_LOCKED)
        session_input(agent.session, SESSION_LOCK);
    if (state == SESSION_PARKED)
        session_input(agent.session, SESSION_PARK);
    assert_int_equal(session_state(agent.session), state);
}

static void every_state_and_input(void **state)
{
    (void)state;
    for (int from = 0; from < SESSION_STATES; from++)
        for (int input = 0; input < SESSION_INPUTS; input++) {
            enum session_state after;

            reach((enum session_state)from);
            session_input(agent.session, (enum session_input)input);
            after = expected((enum session_state)from, (enum session_input)input);
            if (session_state(agent.session) != after)
                fail_msg("state %d, input %d: %d", from, input, session_state(agent.session));
            assert_int_equal(session_proof(agent.session) != NULL, after == SESSION_OPEN);
            if (from == SESSION_NONE && input == SESSION_LOGIN)
                session_input(agent.session, SESSION_LOGOUT); /* nobody's: not to be shown */
        }
}

/* Locking ------------------------------------------------------------------------------------ */

static void locked_it_is_kept_and_vouches_for_nothing(void **state)
{
    int64_t epoch = open_for(by_card(NURSE, "R"));
    AUTO_FREE char *id = strdup(session_id(agent.session));
    AUTO_JSON json_t *shown = NULL;
    struct fail fail;

    (void)state;
    session_input(agent.session, SESSION_LOCK);
    shown = session_json(agent.session);
    assert_string_equal(json_get_string(shown, "state"), "locked");
    assert_null(session_proof(agent.session));
    assert_int_equal(session_check(agent.session, &fail), CPS_SESSION_LOCKED);
    assert_int_equal(session_choose_practice(agent.session, 1, &fail), CPS_SESSION_LOCKED);
    assert_int_equal(unlock(by_card(DOCTOR, "S")), CPS_OTHER_PERSON);
    assert_true(is_desk(NURSE, SESSION_LOCKED));
    at_minute(5);
    assert_int_equal(unlock(by_card(NURSE, "R")), CPS_OK);
    assert_true(is_desk(NURSE, SESSION_OPEN));
    assert_int_equal(session_epoch(agent.session), epoch);
    assert_string_equal(session_id(agent.session), id);
    assert_int_equal(session_proof(agent.session)->auth_time_s, NOW + 300);
}

static void locked_its_time_goes_on(void **state)
{
    (void)state;
    open_for(by_card(NURSE, "R"));
    session_input(agent.session, SESSION_LOCK);
    at_minute(20);
    session_touch(agent.session); /* nobody is there to use it */
    at_minute(31);
    assert_int_equal(session_state(agent.session), SESSION_NONE);
}

static void a_login_by_its_owner_unlocks(void **state)
{
    int64_t epoch = open_for(by_card(NURSE, "R"));
    enum sessions_outcome outcome;

    (void)state;
    session_input(agent.session, SESSION_LOCK);
    at_minute(1);
    assert_int_equal(log_in(by_provider(NURSE, "ecps", NOW + 55), &outcome), CPS_OK);
    assert_int_equal(outcome, SESSIONS_UNLOCKED);
    assert_int_equal(session_epoch(agent.session), epoch);
    assert_string_equal(session_proof(agent.session)->method, "ecps");
    assert_string_equal(tokens_handle(session_tokens(agent.session)), "of " NURSE);
    sessions_card_removed(agent.sessions, "R"); /* it goes on watching */
    assert_int_equal(session_state(agent.session), SESSION_NONE);
}

static void nobody_is_nobodys_owner(void **state)
{
    AUTO_JSON json_t *nameless = json_pack("{s:s}", "common_name", "x");

    (void)state;
    assert_false(session_is_of(agent.session, nameless));
    open_for((struct login_proof){.method = "card",
                                  .amr = json_array(),
                                  .auth_time_s = NOW,
                                  .holder = json_incref(nameless)});
    assert_false(session_is_of(agent.session, nameless));
}

/* A provider that lets an earlier login of the browser pass proves nothing about now. */
static void an_old_login_unlocks_nothing(void **state)
{
    enum sessions_outcome outcome;

    (void)state;
    open_for(by_provider(NURSE, "browser", NOW - 600));
    session_input(agent.session, SESSION_LOCK);
    at_minute(2);
    assert_int_equal(unlock(by_provider(NURSE, "browser", NOW - 600)), CPS_LOGIN_REFUSED);
    assert_int_equal(unlock(by_provider(NURSE, "browser", NOW - 60)), CPS_LOGIN_REFUSED);
    assert_int_equal(log_in(by_provider(NURSE, "browser", NOW - 600), &outcome), CPS_LOGIN_REFUSED);
    assert_true(is_desk(NURSE, SESSION_LOCKED));
    assert_string_equal(tokens_handle(session_tokens(agent.session)), "of " NURSE);
    assert_int_equal(unlock(by_provider(NURSE, "browser", NOW + 60)), CPS_OK);
}

/* A weaker login lifts the lock, and claims nothing of its own. */
static void a_tap_renews_nothing(void **state)
{
    struct login_proof tap = by_card(NURSE, "R");

    (void)state;
    open_for(by_card(NURSE, "R"));
    session_input(agent.session, SESSION_LOCK);
    at_minute(9);
    json_decref(tap.amr);
    tap.amr = json_pack("[s, s]", "sc", "hwk");
    tap.auth_time_s = clock_real_s();
    assert_int_equal(unlock(tap), CPS_OK);
    assert_int_equal(session_proof(agent.session)->auth_time_s, NOW);
    assert_int_equal(json_array_size(session_proof(agent.session)->amr), 4);
}

/* Borrowing ----------------------------------------------------------------------------------- */

static void by_default_the_first_one_ends(void **state)
{
    int64_t first = open_for(by_card(NURSE, "R"));

    (void)state;
    session_input(agent.session, SESSION_LOCK);
    assert_int_equal(open_for(by_card(DOCTOR, "S")), first + 2);
    assert_int_equal(sessions_parked(agent.sessions), 0);
    session_input(agent.session, SESSION_LOGOUT);
    assert_int_equal(session_state(agent.session), SESSION_NONE);
}

static void borrowed_and_given_back(void **state)
{
    int64_t nurse = open_for(by_provider(NURSE, "ecps", NOW));
    int64_t doctor = open_for(by_provider(DOCTOR, "ecps", NOW));
    AUTO_JSON json_t *old = json_pack("{s:I}", "epoch", (json_int_t)nurse);
    AUTO_JSON json_t *shown = session_json(agent.session);
    AUTO_FREE char *text = json_dumps(shown, 0);
    struct fail fail;

    (void)state;
    assert_true(doctor > nurse);
    assert_int_equal(sessions_parked(agent.sessions), 1);
    assert_null(strstr(text, NURSE));
    assert_string_equal(tokens_handle(session_tokens(agent.session)), "of " DOCTOR);
    assert_int_equal(session_check_epoch(agent.session, old, &fail), CPS_SESSION_CHANGED);
    session_input(agent.session, SESSION_LOGOUT);
    assert_true(is_desk(NURSE, SESSION_LOCKED));
    assert_int_equal(session_epoch(agent.session), nurse);
    assert_string_equal(tokens_handle(session_tokens(agent.session)), "of " NURSE);
    assert_int_equal(unlock(by_provider(DOCTOR, "ecps", NOW + 1)), CPS_OTHER_PERSON);
    assert_int_equal(unlock(by_provider(NURSE, "ecps", NOW + 1)), CPS_OK);
    assert_int_equal(sessions_parked(agent.sessions), 0);
}

static void its_owner_takes_the_desk_back(void **state)
{
    int64_t nurse = open_for(by_card(NURSE, "R"));
    int64_t doctor = open_for(by_card(DOCTOR, "S"));
    enum sessions_outcome outcome;

    (void)state;
    assert_int_equal(log_in(by_card(NURSE, "R"), &outcome), CPS_OK);
    assert_int_equal(outcome, SESSIONS_UNLOCKED);
    assert_true(is_desk(NURSE, SESSION_OPEN));
    assert_int_equal(session_epoch(agent.session), nurse);
    assert_int_equal(sessions_parked(agent.sessions), 1);
    session_input(agent.session, SESSION_LOGOUT);
    assert_true(is_desk(DOCTOR, SESSION_LOCKED));
    assert_int_equal(session_epoch(agent.session), doctor);
}

static void a_parked_one_ends_on_its_own(void **state)
{
    int64_t doctor;

    (void)state;
    open_for(by_card(NURSE, "R"));
    doctor = open_for(by_card(DOCTOR, "S"));
    sessions_card_removed(agent.sessions, "R");
    assert_int_equal(sessions_parked(agent.sessions), 0);
    assert_true(is_desk(DOCTOR, SESSION_OPEN));
    assert_int_equal(session_epoch(agent.session), doctor);

    open_for(by_card(NURSE, "R")); /* the doctor is parked */
    at_minute(20);
    session_touch(agent.session);
    at_minute(31);
    assert_int_equal(sessions_parked(agent.sessions), 0);
    assert_true(is_desk(NURSE, SESSION_OPEN));
    at_minute(51);
    assert_int_equal(session_state(agent.session), SESSION_NONE);
}

static void only_so_many_wait(void **state)
{
    char person[32], reader[8];
    enum sessions_outcome outcome;

    (void)state;
    for (int i = 0; i < SESSIONS_PARKED_MAX + 1; i++) {
        snprintf(person, sizeof person, "89970000%04d", i);
        snprintf(reader, sizeof reader, "R%d", i);
        open_for(by_card(person, reader));
    }
    assert_int_equal(sessions_parked(agent.sessions), SESSIONS_PARKED_MAX);
    /* The one that has waited longest is the one that comes back: making room must not close it. */
    assert_int_equal(log_in(by_card("899700000000", "R0"), &outcome), CPS_OK);
    assert_int_equal(outcome, SESSIONS_UNLOCKED);
    assert_true(is_desk("899700000000", SESSION_OPEN));
    assert_int_equal(sessions_parked(agent.sessions), SESSIONS_PARKED_MAX);
    open_for(by_card(NURSE, "S"));
    assert_int_equal(sessions_parked(agent.sessions), SESSIONS_PARKED_MAX);
    assert_int_equal(log_in(by_card("899700000001", "R1"), &outcome), CPS_OK);
    assert_int_equal(outcome, SESSIONS_OPENED); /* theirs was the one that made room */
}

static void an_epoch_is_never_given_twice(void **state)
{
    int64_t last = session_epoch(agent.session);

    (void)state;
    for (int i = 0; i < 20; i++) {
        int64_t epoch = open_for(by_card(i % 2 == 0 ? NURSE : DOCTOR, i % 2 == 0 ? "R" : "S"));

        assert_true(epoch > last);
        last = epoch;
        sessions_card_removed(agent.sessions, i % 2 == 0 ? "R" : "S");
    }
}

/* Renewing ------------------------------------------------------------------------------------ */

static void renewed_it_lasts_from_then(void **state)
{
    int64_t epoch = open_for(by_card(NURSE, "R"));

    (void)state;
    for (int minute = 25; minute <= 225; minute += 25) {
        at_minute(minute);
        session_touch(agent.session);
    }
    assert_int_equal(session_age_s(agent.session), 225 * 60);
    assert_int_equal(step_up(by_card(DOCTOR, "S"), 0), CPS_OTHER_PERSON);
    assert_int_equal(step_up(by_card(NURSE, "R"), 0), CPS_OK);
    assert_int_equal(session_epoch(agent.session), epoch);
    assert_int_equal(session_age_s(agent.session), 0);
    assert_int_equal(session_expires_at_s(agent.session), NOW + 225 * 60 + SESSION_MAX_S);
    at_minute(250);
    assert_true(is_desk(NURSE, SESSION_OPEN));
}

static void the_providers_part_keeps_its_time(void **state)
{
    const json_t *psc;

    (void)state;
    open_for(by_provider(NURSE, "ecps", NOW - 60));
    at_minute(10);
    assert_int_equal(step_up(by_card(NURSE, "R"), 0), CPS_OK);
    psc = session_proof(agent.session)->psc;
    assert_int_equal(json_get_int(psc, "auth_time", 0), NOW - 60);
    assert_string_equal(session_proof(agent.session)->method, "card");
    assert_null(session_proof(agent.session)->acr);
    assert_string_equal(tokens_handle(session_tokens(agent.session)), "of " NURSE);
    assert_true(session_watches(agent.session, "R"));
}

static void what_renews_nothing(void **state)
{
    struct login_proof weak = by_card(NURSE, "R");

    (void)state;
    open_for(by_card(NURSE, "R"));
    json_decref(weak.amr);
    weak.amr = json_pack("[s, s]", "sc", "hwk");
    assert_int_equal(step_up(weak, 0), CPS_LOGIN_REFUSED);
    assert_int_equal(step_up(by_provider(NURSE, "browser", NOW - 200), 60), CPS_LOGIN_REFUSED);
    assert_int_equal(step_up(by_provider(NURSE, "browser", NOW - 50), 60), CPS_OK);
    session_input(agent.session, SESSION_LOCK);
    assert_int_equal(step_up(by_card(NURSE, "R"), 0), CPS_SESSION_LOCKED);
    session_input(agent.session, SESSION_LOGOUT);
    assert_int_equal(step_up(by_card(NURSE, "R"), 0), CPS_NO_SESSION);
}

/* Clocks -------------------------------------------------------------------------------------- */

/* Ages and ends are of the machine's own time: setting its clock makes no session older or
 * younger. */
static void a_clock_that_is_set(void **state)
{
    (void)state;
    open_for(by_card(NURSE, "R"));
    clock_fake(10 * MINUTES, NOW + 20 * 3600);
    sessions_visit(agent.sessions, look, NULL);
    assert_true(is_desk(NURSE, SESSION_OPEN));
    assert_int_equal(session_age_s(agent.session), 600);
    clock_fake(20 * MINUTES, NOW - 20 * 3600);
    assert_int_equal(session_age_s(agent.session), 1200);
    session_input(agent.session, SESSION_LOCK);
    clock_fake(21 * MINUTES, NOW + 3600);
    assert_int_equal(unlock(by_card(NURSE, "R")), CPS_OK);
    assert_int_equal(session_age_s(agent.session), 0);
    clock_fake(52 * MINUTES, NOW - 20 * 3600); /* half an hour without use, whatever the date */
    sessions_visit(agent.sessions, look, NULL);
    assert_int_equal(session_state(agent.session), SESSION_NONE);
}

/* Asleep, the boot clock goes on: the session is found ended at wake-up. */
static void a_night_of_sleep(void **state)
{
    (void)state;
    open_for(by_provider(NURSE, "ecps", NOW));
    at_minute(8 * 60);
    assert_int_equal(session_state(agent.session), SESSION_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENDING(every_state_and_input),
        ENDING(locked_it_is_kept_and_vouches_for_nothing),
        ENDING(locked_its_time_goes_on),
        ENDING(a_login_by_its_owner_unlocks),
        ENDING(nobody_is_nobodys_owner),
        ENDING(an_old_login_unlocks_nothing),
        ENDING(a_tap_renews_nothing),
        ENDING(by_default_the_first_one_ends),
        PARKING(borrowed_and_given_back),
        PARKING(its_owner_takes_the_desk_back),
        PARKING(a_parked_one_ends_on_its_own),
        PARKING(only_so_many_wait),
        PARKING(an_epoch_is_never_given_twice),
        ENDING(renewed_it_lasts_from_then),
        ENDING(the_providers_part_keeps_its_time),
        ENDING(what_renews_nothing),
        ENDING(a_clock_that_is_set),
        ENDING(a_night_of_sleep),
    };

    return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
