/* SPDX-License-Identifier: Apache-2.0 */
/* What the end, the lock and the renewal of a session take away with them, and from whom. */
#include "tests/unit/session_bench.h"

#include <time.h>

#include "agent/consent.h"

/* Linked in the place of those that have neither card, nor oidcd, nor client here. */
void __wrap_cards_logout(struct cards *cards, const char *reader);
void __wrap_cards_reset(struct cards *cards);
void __wrap_oidc_logout(struct oidc *oidc, const char *handle);
void __wrap_consents_end(struct consents *consents, int64_t epoch, cps_error code);
void __wrap_sessions_publish_ending(const struct agent *it, const char *reason, int64_t ends_at_s);

static struct {
    unsigned cards, resets, handles, endings;
    char reader[8], handle[32]; /* the last ones */
    int64_t epoch;              /* whose questions were ended last, and how */
    cps_error code;
} told;

void __wrap_cards_logout(struct cards *cards, const char *reader)
{
    (void)cards;
    told.cards++;
    snprintf(told.reader, sizeof told.reader, "%s", reader);
}

void __wrap_cards_reset(struct cards *cards)
{
    (void)cards;
    told.resets++;
}

void __wrap_oidc_logout(struct oidc *oidc, const char *handle)
{
    (void)oidc;
    told.handles++;
    snprintf(told.handle, sizeof told.handle, "%s", handle);
}

void __wrap_consents_end(struct consents *consents, int64_t epoch, cps_error code)
{
    (void)consents;
    told.epoch = epoch;
    told.code = code;
}

void __wrap_sessions_publish_ending(const struct agent *it, const char *reason, int64_t ends_at_s)
{
    (void)it;
    (void)reason;
    (void)ends_at_s;
    told.endings++;
}

static void forget_told(void)
{
    memset(&told, 0, sizeof told);
}

/* A login that claims less than two factors. */
static struct login_proof weak(struct login_proof proof)
{
    json_decref(proof.amr);
    proof.amr = json_array();
    return proof;
}

/* A login whose tokens have a name of their own. */
static struct login_proof with_handle(struct login_proof proof, const char *handle)
{
    json_object_set_new(proof.tokens, "handle", json_string(handle));
    return proof;
}

/* Who closes it for the others sees to the cards itself, or there is none any more. */
static void each_end_takes_pin_questions_and_tokens(void **state)
{
    static const bool keeps_pin[SESSION_INPUTS] = {
        [SESSION_REPLACED] = true,  [SESSION_CARD_REMOVED] = true, [SESSION_STOPPED] = true,
        [SESSION_SUSPENDED] = true, [SESSION_BACKGROUND] = true,   [SESSION_SCREEN_LOCKED] = true};

    (void)state;
    for (int input = SESSION_CLOSERS; input < SESSION_INPUTS; input++) {
        int64_t epoch = open_for(by_card(NURSE, "R"));

        forget_told();
        session_input(agent.session, (enum session_input)input);
        if (told.cards != (keeps_pin[input] ? 0 : 1))
            fail_msg("input %d: %u logouts of the card", input, told.cards);
        assert_int_equal(told.epoch, epoch);
        assert_int_equal(told.code, CPS_SESSION_CHANGED);
        open_for(by_provider(NURSE, "ecps", NOW));
        forget_told();
        session_input(agent.session, (enum session_input)input);
        assert_string_equal(told.handle, "of " NURSE);
        assert_null(tokens_handle(session_tokens(agent.session)));
    }
}

static void a_lock_leaves_no_pin_and_no_question(void **state)
{
    int64_t epoch = open_for(by_card(NURSE, "R"));

    (void)state;
    forget_told();
    session_input(agent.session, SESSION_LOCK);
    assert_int_equal(told.resets, 1);
    assert_int_equal(told.cards, 0);
    assert_int_equal(told.epoch, epoch);
    assert_int_equal(told.code, CPS_SESSION_LOCKED);
}

static void who_is_parked_leaves_the_card_only(void **state)
{
    int64_t epoch = open_for(by_card(NURSE, "R"));

    (void)state;
    forget_told();
    open_for(by_card(DOCTOR, "S"));
    assert_int_equal(told.resets, 0); /* the doctor's PIN has just been typed */
    assert_int_equal(told.cards, 1);
    assert_string_equal(told.reader, "R");
    assert_int_equal(told.epoch, epoch);
    assert_int_equal(told.code, CPS_SESSION_CHANGED);
}

static void the_next_person_does_not_find_the_pin(void **state)
{
    (void)state;
    open_for(by_card(NURSE, "R"));
    forget_told();
    open_for(by_card(DOCTOR, "S"));
    assert_string_equal(told.reader, "R");
    forget_told();
    open_for(by_card(NURSE, "S")); /* another card in the same reader: its PIN is the new one */
    assert_int_equal(told.cards, 0);
}

/* What it has opened at the provider, or at the card, is not used and must not stay. */
static void a_login_that_is_not_used_is_ended(void **state)
{
    (void)state;
    open_for(by_provider(NURSE, "ecps", NOW));
    session_input(agent.session, SESSION_LOCK);
    forget_told();
    assert_int_equal(unlock(with_handle(weak(by_provider(NURSE, "ecps", NOW)), "weak")), CPS_OK);
    assert_string_equal(told.handle, "weak");
    assert_string_equal(tokens_handle(session_tokens(agent.session)), "of " NURSE);
    session_input(agent.session, SESSION_LOCK);
    assert_int_equal(unlock(weak(by_card(NURSE, "R"))), CPS_OK);
    assert_string_equal(told.reader, "R");
    assert_int_equal(told.handles, 1);
    session_input(agent.session, SESSION_LOCK);
    assert_int_equal(unlock(with_handle(by_provider(DOCTOR, "ecps", NOW), "other")),
                     CPS_OTHER_PERSON);
    assert_string_equal(told.handle, "other");
    assert_int_equal(unlock(with_handle(by_provider(NURSE, "ecps", NOW), "new")), CPS_OK);
    assert_string_equal(told.handle, "of " NURSE); /* the former one */
    assert_string_equal(tokens_handle(session_tokens(agent.session)), "new");
}

/* Nothing of the card's login is told of a session that the phone has renewed, nor the reverse. */
static void what_was_proved_last_is_what_is_told(void **state)
{
    struct login_proof card = by_card(NURSE, "R");
    const struct login_proof *proof;

    (void)state;
    card.revocation = json_pack("{s:s}", "source", "crl");
    open_for(card);
    session_input(agent.session, SESSION_LOCK);
    assert_int_equal(unlock(by_provider(NURSE, "ecps", NOW)), CPS_OK);
    proof = session_proof(agent.session);
    assert_int_equal(json_array_size(proof->amr), 1);
    assert_string_equal(proof->acr, "eidas1");
    assert_null(proof->card);
    assert_null(proof->revocation);
    assert_non_null(proof->psc);
    card = by_provider(NURSE, "browser", NOW + 1);
    card.idp = TAKE_PTR(card.psc); /* another provider, that is not PSC */
    assert_int_equal(step_up(card, 0), CPS_OK);
    assert_null(proof->psc);
    assert_non_null(proof->idp);
    assert_int_equal(step_up(by_card(NURSE, "R"), 0), CPS_OK);
    assert_int_equal(json_array_size(proof->amr), 4);
    assert_non_null(proof->card);
    assert_int_equal(json_get_int(proof->idp, "auth_time", 0), NOW + 1);
    at_minute(5);
    assert_int_equal(step_up(by_card(NURSE, "R"), 0), CPS_OK);
    assert_int_equal(json_get_int(proof->idp, "auth_time", 0), NOW + 1);
}

/* Whoever sits there may have been let in by what the browser, or a proxy, remembers. */
static void a_login_that_asked_nobody_unlocks_nothing(void **state)
{
    (void)state;
    open_for(by_provider(NURSE, "browser", NOW - 5));
    session_input(agent.session, SESSION_LOCK);
    assert_int_equal(unlock(by_provider(NURSE, "browser", NOW - 5)), CPS_LOGIN_REFUSED);
    assert_int_equal(unlock(by_card(NURSE, "R")), CPS_OK);
    session_input(agent.session, SESSION_LOCK); /* the session is the card's now: the same */
    assert_int_equal(unlock(by_provider(NURSE, "browser", NOW - 5)), CPS_LOGIN_REFUSED);
    at_minute(10);
    assert_int_equal(unlock(by_provider(NURSE, "proxy", NOW - 60)), CPS_LOGIN_REFUSED);
    assert_int_equal(unlock(by_provider(NURSE, "ecps", NOW - 60)), CPS_OK); /* that asks */
    session_input(agent.session, SESSION_LOCK);
    at_minute(11); /* locked for a minute, and not for eleven */
    assert_int_equal(unlock(by_provider(NURSE, "browser", NOW + 9 * 60)), CPS_LOGIN_REFUSED);
}

static void a_login_of_another_epoch_changes_nothing(void **state)
{
    int64_t former = open_for(by_card(NURSE, "R"));
    struct login_proof proof = by_card(DOCTOR, "S");
    struct fail fail;

    (void)state;
    open_for(by_card(DOCTOR, "S"));
    at_minute(1);
    assert_int_equal(sessions_step_up(agent.sessions, former, 0, &proof, &fail),
                     CPS_SESSION_CHANGED);
    session_input(agent.session, SESSION_LOCK);
    assert_int_equal(sessions_unlock(agent.sessions, former, &proof, &fail), CPS_SESSION_CHANGED);
    assert_true(is_desk(DOCTOR, SESSION_LOCKED));
    assert_int_equal(session_owner_proof(agent.session)->auth_time_s, NOW);
    login_proof_done(&proof);
}

/* A provider must then ask whoever logs in, for it may be somebody else. */
static void sessions_that_wait_for_their_owner(void **state)
{
    (void)state;
    assert_false(sessions_await_owner(agent.sessions));
    open_for(by_card(NURSE, "R"));
    assert_false(sessions_await_owner(agent.sessions));
    session_input(agent.session, SESSION_LOCK);
    assert_true(sessions_await_owner(agent.sessions));
    open_for(by_card(DOCTOR, "S"));
    assert_true(sessions_await_owner(agent.sessions)); /* parked */
    sessions_card_removed(agent.sessions, "R");
    assert_false(sessions_await_owner(agent.sessions));
}

/* Those of the agent before this one are behind: a program that has kept one is told. */
static void epochs_begin_with_the_time(void **state)
{
    (void)state;
    assert_true(session_epoch(agent.session) > (int64_t)(time(NULL) - 3600) * 1000);
}

/* Who logs in again gets a new session, and whoever waits goes on waiting. */
static void a_second_login_brings_nobody_back(void **state)
{
    int64_t doctor;

    (void)state;
    open_for(by_card(NURSE, "R"));
    doctor = open_for(by_card(DOCTOR, "S"));
    assert_true(open_for(by_card(DOCTOR, "S")) > doctor);
    assert_true(is_desk(DOCTOR, SESSION_OPEN));
    assert_int_equal(sessions_parked(agent.sessions), 1);
}

/* Who is at the desk is not told that the session of somebody else is about to end. */
static void nobody_hears_of_the_end_of_a_parked_one(void **state)
{
    (void)state;
    open_for(by_card(NURSE, "R"));
    open_for(by_card(DOCTOR, "S"));
    at_minute(20);
    session_touch(agent.session);
    forget_told();
    at_minute(29);
    assert_int_equal(told.endings, 0);
    at_minute(49);
    assert_int_equal(told.endings, 1);
}

static void unlocked_is_used(void **state)
{
    (void)state;
    open_for(by_card(NURSE, "R"));
    session_input(agent.session, SESSION_LOCK);
    at_minute(25);
    assert_int_equal(unlock(weak(by_card(NURSE, "R"))), CPS_OK);
    at_minute(35);
    assert_true(is_desk(NURSE, SESSION_OPEN));
}

static void ages_of_logins_of_another_clock(void **state)
{
    (void)state;
    open_for(by_provider(NURSE, "ecps", NOW - 100));
    assert_int_equal(session_age_s(agent.session), 100);
    open_for(by_provider(NURSE, "ecps", NOW + 100));
    assert_int_equal(session_age_s(agent.session), 0);
}

static void the_card_that_a_proxy_watches(void **state)
{
    struct login_proof proof = by_provider(NURSE, "proxy", NOW);

    (void)state;
    proof.watched = "R";
    open_for(proof);
    sessions_card_removed(agent.sessions, "S");
    assert_true(is_desk(NURSE, SESSION_OPEN));
    sessions_card_removed(agent.sessions, "R");
    assert_int_equal(session_state(agent.session), SESSION_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ENDING(each_end_takes_pin_questions_and_tokens),
        ENDING(a_lock_leaves_no_pin_and_no_question),
        PARKING(who_is_parked_leaves_the_card_only),
        ENDING(the_next_person_does_not_find_the_pin),
        ENDING(a_login_that_is_not_used_is_ended),
        ENDING(what_was_proved_last_is_what_is_told),
        ENDING(a_login_that_asked_nobody_unlocks_nothing),
        ENDING(a_login_of_another_epoch_changes_nothing),
        PARKING(sessions_that_wait_for_their_owner),
        ENDING(epochs_begin_with_the_time),
        PARKING(a_second_login_brings_nobody_back),
        PARKING(nobody_hears_of_the_end_of_a_parked_one),
        ENDING(unlocked_is_used),
        ENDING(ages_of_logins_of_another_clock),
        ENDING(the_card_that_a_proxy_watches),
    };

    return cmocka_run_group_tests(tests, make_keys, remove_keys);
}
