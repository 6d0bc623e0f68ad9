/* SPDX-License-Identifier: Apache-2.0 */
/* Who is asked for a PIN, when, and when the card forgets it: the card and the screen are ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/pin_card.h"
#include "agent/prompter.h"
#include "base/util.h"

#define RIGHT "4826"
#define WRONG "0000"

/* A card that does at once what it is asked, and remembers what that was. */
struct card {
    enum card_state state;
    bool no_pin;
    bool verified;
    int tries_left;
    struct fail fail;
    unsigned logouts;
};

/* What is under way: at most one call and one question, answered when the test says so. */
static struct call {
    bool pending;
    char op[16];
    bool last_try;
    call_done done;
    void *user;
} the_call;

static struct prompt {
    bool shown;
    unsigned count;
    char op[16];
    int fd;
    char *description;
    call_done done;
    void *user;
} the_prompt;

static struct agent agent;
static struct card card;
static char typed[16];

enum card_state card_state(const struct card *c)
{
    return c->state;
}

const char *card_reader(const struct card *c)
{
    (void)c;
    return "R";
}

json_t *card_holder(const struct card *c)
{
    (void)c;
    return NULL;
}

const struct fail *card_fail(const struct card *c)
{
    return &c->fail;
}

bool card_has_pin(const struct card *c)
{
    return !c->no_pin;
}

bool card_pin_pad(const struct card *c)
{
    (void)c;
    return false;
}

unsigned card_pin_digits(const struct card *c)
{
    (void)c;
    return 4;
}

void card_note_pin(struct card *c, int tries_left)
{
    (void)c;
    (void)tries_left;
}

void card_restart(struct card *c)
{
    (void)c;
    fail();
}

/* What was typed is in the pipe when the card is asked to verify it. */
static void read_typed(int fd)
{
    ssize_t n = read(fd, typed, sizeof typed - 1);

    typed[n > 0 ? n : 0] = '\0';
}

struct call *card_call_for(struct card *c, const char *op, json_t *params, int pass_fd,
                           int64_t timeout_ms, call_done done, void *user)
{
    (void)timeout_ms;
    if (strcmp(op, "logout") == 0) {
        c->verified = false;
        c->logouts++;
        json_decref(params);
        return NULL;
    }
    assert_false(the_call.pending);
    if (pass_fd >= 0)
        read_typed(pass_fd);
    the_call = (struct call){.pending = true,
                             .last_try = json_is_true(json_object_get(params, "last_try")),
                             .done = done,
                             .user = user};
    snprintf(the_call.op, sizeof the_call.op, "%s", op);
    json_decref(params);
    return &the_call;
}

struct call *card_call(struct card *c, const char *op, json_t *params, int pass_fd, call_done done,
                       void *user)
{
    return card_call_for(c, op, params, pass_fd, CARD_TIMEOUT_MS, done, user);
}

bool call_forget(struct call *call)
{
    if (call != NULL)
        call->pending = false;
    return call != NULL;
}

struct prompt *prompt_ask(struct agent *a, const char *op, json_t *params, json_t *display,
                          int pass_fd, call_done done, void *user)
{
    const char *description = json_string_value(json_object_get(params, "description"));

    (void)a;
    (void)display;
    assert_false(the_prompt.shown);
    free(the_prompt.description);
    the_prompt = (struct prompt){.shown = true,
                                 .count = the_prompt.count + 1,
                                 .fd = pass_fd >= 0 ? dup(pass_fd) : -1,
                                 .description = strdup(description),
                                 .done = done,
                                 .user = user};
    snprintf(the_prompt.op, sizeof the_prompt.op, "%s", op);
    json_decref(params);
    return &the_prompt;
}

static void close_prompt(void)
{
    if (the_prompt.fd >= 0)
        close(TAKE_FD(the_prompt.fd));
    the_prompt.shown = false;
}

void prompt_cancel(struct prompt *prompt)
{
    if (prompt != NULL)
        close_prompt();
}

/* The user types, says yes, or closes the question (NULL). */
static void user_answers(const char *text)
{
    AUTO_JSON json_t *result = json_pack("{s:b}", "confirmed", true);
    struct fail cancelled;

    assert_true(the_prompt.shown);
    if (text != NULL && the_prompt.fd >= 0)
        assert_int_equal(write(the_prompt.fd, text, strlen(text)), strlen(text));
    close_prompt();
    fail_set(&cancelled, CPS_PROMPT_CANCELLED, "by the user");
    the_prompt.done(the_prompt.user, text != NULL ? result : NULL,
                    text != NULL ? NULL : &cancelled);
}

static void pin_answer(struct fail *fail)
{
    if (strcmp(the_call.op, "pin_status") == 0 || strcmp(typed, RIGHT) == 0)
        return;
    card.tries_left--;
    fail_set(fail, card.tries_left > 0 ? CPS_PIN_WRONG : CPS_PIN_BLOCKED, "wrong");
    fail->tries_left = card.tries_left;
}

/* The card answers what it was asked; false: it was asked nothing. */
static bool card_answers(void)
{
    struct fail fail = FAIL_INIT;
    AUTO_JSON json_t *result = NULL;

    if (!the_call.pending)
        return false;
    the_call.pending = false;
    pin_answer(&fail);
    if (strcmp(the_call.op, "verify") == 0) {
        card.verified = fail.code == CPS_OK;
        if (card.verified)
            card.tries_left = 3;
    }
    result =
        json_pack("{s:i, s:b}", "tries_left", card.tries_left, "blocked", card.tries_left == 0);
    the_call.done(the_call.user, fail.code == CPS_OK ? result : NULL,
                  fail.code == CPS_OK ? NULL : &fail);
    return true;
}

/* Until nothing happens by itself any more. */
static void run(void)
{
    do
        while (card_answers())
            ;
    while (sd_event_run(agent.event, 0) > 0 || the_call.pending);
}

/* One that needs the PIN. */
struct user {
    struct pin_use *use;
    unsigned ready;
    unsigned failed;
    cps_error code;
    char state[16];
    int tries_left;
};

static void on_progress(void *data, const char *state, int tries_left)
{
    struct user *user = data;

    snprintf(user->state, sizeof user->state, "%s", state);
    user->tries_left = tries_left;
}

static void on_ready(void *data, const struct fail *fail)
{
    struct user *user = data;

    if (fail == NULL) {
        user->ready++;
        assert_true(card.verified || card.no_pin);
        return;
    }
    user->failed++;
    user->code = fail->code;
    user->use = NULL;
}

static const struct pin_use_class user_class = {on_progress, on_ready};

static void need(struct user *user, bool fresh)
{
    const struct pin_need what = {
        .asker = {PIN_FOR_SIGNATURE, "mail"}, .interactive = true, .fresh = fresh};

    *user = (struct user){.tries_left = -2};
    user->use = pin_need(&agent, &card, &what, &user_class, user);
    assert_int_equal(user->ready + user->failed, 0); /* never before it returns */
}

static void need_silently(struct user *user)
{
    const struct pin_need what = {.asker = {PIN_FOR_SIGNATURE, NULL}};

    *user = (struct user){.tries_left = -2};
    user->use = pin_need(&agent, &card, &what, &user_class, user);
}

static void over(struct user *user)
{
    pin_use_end(TAKE_PTR(user->use));
}

static void with_policy(const char *policy)
{
    char path[] = "/tmp/cps-pin-XXXXXX";
    static const struct config_key keys[] = {{"pin", "policy", CONFIG_STRING, 0, 0},
                                             {"pin", "minutes", CONFIG_INT, 1, PIN_MINUTES_MAX},
                                             {0}};
    int fd = mkstemp(path);
    struct fail fail;

    assert_true(fd >= 0);
    dprintf(fd, "[pin]\npolicy = %s\nminutes = 7\n", policy);
    close(fd);
    assert_int_equal(config_load(path, keys, false, &agent.config, &fail), CPS_OK);
    unlink(path);
    assert_int_equal(sd_event_new(&agent.event) < 0, 0);
    agent.pins = pins_new(&agent, &fail);
    card = (struct card){.state = CARD_READY, .tries_left = 3};
    the_prompt.count = 0;
}

static void end(void)
{
    struct fail gone;

    fail_set(&gone, CPS_CARD_REMOVED, "end of the test");
    pins_card_removed(&agent, &card, &gone);
    pins_free(agent.pins);
    config_free(agent.config);
    sd_event_unref(agent.event);
    agent = (struct agent){0};
    assert_false(the_prompt.shown);
    assert_false(the_call.pending);
    free(TAKE_PTR(the_prompt.description));
}

static void ten_wait_for_one_question(void **state)
{
    struct user users[10];

    (void)state;
    with_policy("session");
    for (size_t i = 0; i < 10; i++)
        need(&users[i], false);
    run();
    assert_non_null(strstr(the_prompt.description, "Signature : mail"));
    assert_string_equal(users[9].state, "pin");
    assert_int_equal(users[9].tries_left, 3);
    user_answers(RIGHT);
    run();
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(users[i].ready, 1);
        over(&users[i]);
    }
    need(&users[0], false);
    run();
    assert_int_equal(users[0].ready, 1);
    assert_int_equal(the_prompt.count, 1);
    assert_int_equal(card.logouts, 0);
    over(&users[0]);
    end();
}

static void who_joins_is_told_where_it_is(void **state)
{
    struct user first, second;

    (void)state;
    with_policy("session");
    need(&first, false);
    run();
    need(&second, false);
    assert_string_equal(second.state, "");
    run();
    assert_string_equal(second.state, "pin");
    over(&first);
    assert_true(the_prompt.shown); /* the second still waits */
    over(&second);
    assert_false(the_prompt.shown);
    end();
}

static void each_use_asks_and_resets(void **state)
{
    struct user users[3];

    (void)state;
    with_policy("each_use");
    for (size_t i = 0; i < 3; i++)
        need(&users[i], false);
    for (size_t i = 0; i < 3; i++) {
        run();
        assert_int_equal(the_prompt.count, i + 1);
        user_answers(RIGHT);
        run();
        assert_int_equal(users[i].ready, 1);
        assert_int_equal(users[i < 2 ? i + 1 : 0].ready, i < 2 ? 0 : 1);
        assert_true(card.verified);
        over(&users[i]);
        assert_false(card.verified);
        assert_int_equal(card.logouts, i + 1);
    }
    end();
}

static void one_who_cancels_under_each_use(void **state)
{
    struct user first, second;

    (void)state;
    with_policy("each_use");
    need(&first, false);
    need(&second, false);
    run();
    user_answers(NULL);
    run();
    assert_int_equal(first.code, CPS_PROMPT_CANCELLED);
    assert_int_equal(second.failed, 0);
    user_answers(RIGHT);
    run();
    assert_int_equal(second.ready, 1);
    over(&second);
    end();
}

static void a_cancelled_question_is_over_for_all(void **state)
{
    struct user first, second;

    (void)state;
    with_policy("session");
    need(&first, false);
    need(&second, false);
    run();
    user_answers(NULL);
    run();
    assert_int_equal(first.code, CPS_PROMPT_CANCELLED);
    assert_int_equal(second.code, CPS_PROMPT_CANCELLED);
    assert_int_equal(the_prompt.count, 1);
    end();
}

static void wrong_then_last_try_then_blocked(void **state)
{
    struct user user;

    (void)state;
    with_policy("session");
    need(&user, false);
    run();
    user_answers(WRONG);
    run();
    user_answers(WRONG);
    run();
    assert_string_equal(the_prompt.op, "confirm");
    assert_string_equal(user.state, "last_try");
    user_answers("yes");
    run();
    assert_string_equal(the_prompt.op, "pin");
    user_answers(WRONG);
    assert_true(the_call.last_try);
    run();
    assert_int_equal(user.code, CPS_PIN_BLOCKED);
    assert_int_equal(user.failed, 1);
    need(&user, false);
    run();
    assert_int_equal(user.code, CPS_PIN_BLOCKED);
    assert_false(the_prompt.shown);
    end();
}

static void a_login_wants_a_fresh_pin(void **state)
{
    struct user login, other;

    (void)state;
    with_policy("session");
    need(&other, false);
    run();
    need(&login, true); /* joins the question: what is typed is fresh */
    user_answers(RIGHT);
    run();
    assert_int_equal(login.ready + other.ready, 2);
    over(&login);
    over(&other);
    need(&login, true); /* nobody asks now: it must be asked again */
    run();
    assert_int_equal(the_prompt.count, 2);
    need(&other, false); /* while others go on with what there is */
    run();
    assert_int_equal(other.ready, 1);
    user_answers(NULL);
    run();
    assert_int_equal(login.code, CPS_PROMPT_CANCELLED);
    over(&other);
    need(&other, false);
    run();
    assert_int_equal(other.ready, 1); /* nothing was sent: the PIN is as verified as before */
    over(&other);
    end();
}

static void a_reset_by_another_program_asks_the_user(void **state)
{
    struct user first, second;

    (void)state;
    with_policy("session");
    need(&first, false);
    need(&second, false);
    run();
    user_answers(RIGHT);
    run();
    card.verified = false; /* and both are told PIN_REQUIRED by the card, one after the other */
    pin_use_again(first.use);
    run();
    assert_int_equal(the_prompt.count, 2);
    user_answers(RIGHT);
    run();
    assert_int_equal(first.ready, 2);
    pin_use_again(second.use);
    run();
    assert_int_equal(second.ready, 2);
    assert_int_equal(the_prompt.count, 2); /* it was typed since then */
    over(&first);
    over(&second);
    end();
}

static void nobody_is_asked_against_the_will_of_the_program(void **state)
{
    struct user silent, other;

    (void)state;
    with_policy("session");
    need_silently(&silent);
    run();
    assert_int_equal(silent.code, CPS_INTERACTION_REQUIRED);
    assert_int_equal(the_prompt.count, 0);
    need(&other, false);
    run();
    need_silently(&silent); /* not even when somebody else is being asked */
    run();
    assert_int_equal(silent.code, CPS_INTERACTION_REQUIRED);
    user_answers(RIGHT);
    run();
    need_silently(&silent);
    run();
    assert_int_equal(silent.ready, 1);
    card.verified = false;
    pin_use_again(silent.use);
    run();
    assert_int_equal(silent.code, CPS_INTERACTION_REQUIRED);
    over(&other);
    end();
}

static void a_card_without_pin(void **state)
{
    struct user user;

    (void)state;
    with_policy("each_use");
    card.no_pin = true;
    need_silently(&user);
    run();
    assert_int_equal(user.ready, 1);
    over(&user);
    assert_int_equal(card.logouts, 0);
    end();
}

static void its_time_is_over(void **state)
{
    AUTO_JSON json_t *before = NULL;
    AUTO_JSON json_t *after = NULL;
    struct user user;

    (void)state;
    with_policy("minutes");
    assert_int_equal(agent.pins->lifetime_s, 7 * 60);
    need(&user, false);
    run();
    user_answers(RIGHT);
    run();
    over(&user);
    before = pins_json(agent.pins);
    assert_int_equal(json_integer_value(json_object_get(before, "minutes")), 7);
    assert_int_equal(json_array_size(json_object_get(before, "verified")), 1);
    assert_true(card.verified);
    agent.pins->lifetime_s = 0;
    need(&user, true);
    run();
    user_answers(RIGHT);
    while (card.verified || card.logouts == 0)
        if (!card_answers())
            assert_true(sd_event_run(agent.event, 5000000) > 0);
    after = pins_json(agent.pins);
    assert_int_equal(json_array_size(json_object_get(after, "verified")), 0);
    over(&user);
    end();
}

static void removal_tells_everybody_at_once(void **state)
{
    struct user waiting, granted, told;
    struct fail gone;

    (void)state;
    with_policy("session");
    need(&told, false);
    run();
    user_answers(RIGHT);
    run();
    need(&granted, false); /* its turn of the loop has not come */
    need(&waiting, true);
    fail_set(&gone, CPS_CARD_REMOVED, "gone");
    card.state = CARD_FAILED;
    pins_card_removed(&agent, &card, &gone);
    assert_int_equal(granted.code, CPS_CARD_REMOVED);
    assert_int_equal(waiting.code, CPS_CARD_REMOVED);
    assert_int_equal(told.failed, 0);
    pin_use_again(told.use); /* it learns from the card that it is gone, and may be slow */
    run();
    assert_int_equal(told.code, CPS_CARD_REMOVED);
    end();
}

static void another_cardop_knows_nothing(void **state)
{
    struct user user, other;

    (void)state;
    with_policy("session");
    need(&user, false);
    run();
    user_answers(RIGHT);
    run();
    need(&other, true);
    run();
    card.state = CARD_READING;
    fail_set(&card.fail, CPS_COMPONENT_FAILED, "cardop ended");
    pins_card_changed(&agent, &card);
    run();
    assert_int_equal(other.code, CPS_COMPONENT_FAILED);
    assert_false(the_prompt.shown);
    need(&other, false);
    run();
    assert_int_equal(other.code, CPS_CARD_BUSY);
    card.state = CARD_READY;
    pins_card_changed(&agent, &card);
    need(&other, false);
    run();
    assert_true(the_prompt.shown);
    over(&other);
    over(&user);
    end();
}

static void all_is_forgotten(void **state)
{
    struct user user, waiting;
    struct fail why;

    (void)state;
    with_policy("session");
    need(&user, false);
    run();
    user_answers(RIGHT);
    run();
    need(&waiting, true);
    run();
    fail_set(&why, CPS_CANCELLED, "the machine sleeps");
    pins_stop_all(&agent, &why);
    run();
    assert_int_equal(waiting.code, CPS_CANCELLED);
    over(&user);
    need(&user, false);
    run();
    assert_int_equal(the_prompt.count, 3);
    over(&user);
    end();
}

static unsigned changes, change_failures;

static void on_change_done(void *data, const struct fail *fail)
{
    (void)data;
    changes++;
    change_failures += fail != NULL;
}

static void a_change_forgets_and_goes_alone(void **state)
{
    static const struct pin_dialog_class class = {on_progress, on_change_done};
    struct user user, progress;
    struct fail fail;

    (void)state;
    changes = change_failures = 0;
    with_policy("session");
    need(&user, false);
    run();
    assert_int_equal(
        pin_change_start(&agent, &card, PIN_DIALOG_CHANGE, NULL, &class, &progress, &fail),
        CPS_CARD_BUSY);
    user_answers(RIGHT);
    run();
    over(&user);
    assert_int_equal(
        pin_change_start(&agent, &card, PIN_DIALOG_CHANGE, NULL, &class, &progress, &fail), CPS_OK);
    run();
    assert_string_equal(the_prompt.op, "change");
    need(&user, true); /* waits until the change is over */
    user_answers(RIGHT);
    run();
    assert_int_equal(changes, 1);
    assert_int_equal(change_failures, 0);
    assert_int_equal(card.logouts, 1);
    assert_string_equal(the_prompt.op, "pin");
    over(&user);
    assert_int_equal(
        pin_change_start(&agent, &card, PIN_DIALOG_UNBLOCK, NULL, &class, &progress, &fail),
        CPS_OK);
    run();
    assert_string_equal(progress.state, "puk");
    pin_change_cancel(&agent, &card);
    assert_false(the_prompt.shown);
    assert_int_equal(changes, 1);
    end();
}

static void too_many(void **state)
{
    static struct user users[PIN_USES_MAX + 1];

    (void)state;
    with_policy("session");
    for (size_t i = 0; i < PIN_USES_MAX + 1; i++)
        need(&users[i], false);
    run();
    assert_int_equal(users[PIN_USES_MAX].code, CPS_TOO_MANY_REQUESTS);
    assert_int_equal(users[PIN_USES_MAX - 1].failed, 0);
    user_answers(NULL);
    run();
    for (size_t i = 0; i < PIN_USES_MAX; i++)
        assert_int_equal(users[i].code, CPS_PROMPT_CANCELLED);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_wait_for_one_question),
        cmocka_unit_test(who_joins_is_told_where_it_is),
        cmocka_unit_test(each_use_asks_and_resets),
        cmocka_unit_test(one_who_cancels_under_each_use),
        cmocka_unit_test(a_cancelled_question_is_over_for_all),
        cmocka_unit_test(wrong_then_last_try_then_blocked),
        cmocka_unit_test(a_login_wants_a_fresh_pin),
        cmocka_unit_test(a_reset_by_another_program_asks_the_user),
        cmocka_unit_test(nobody_is_asked_against_the_will_of_the_program),
        cmocka_unit_test(a_card_without_pin),
        cmocka_unit_test(its_time_is_over),
        cmocka_unit_test(removal_tells_everybody_at_once),
        cmocka_unit_test(another_cardop_knows_nothing),
        cmocka_unit_test(all_is_forgotten),
        cmocka_unit_test(a_change_forgets_and_goes_alone),
        cmocka_unit_test(too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
