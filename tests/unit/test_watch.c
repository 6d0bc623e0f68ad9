/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "pkcs11/watch.h"

#define LIST(literal) literal, sizeof(literal) /* the literal's own NUL ends the list */

static char told[4096];

static void tell(const char *event, json_t *members)
{
    char line[512];

    snprintf(line, sizeof line, "%s %s%s%s %s %d|", event, json_get_string(members, "reader"),
             json_get_bool(members, "present", false) ? " present" : "",
             json_get_bool(members, "mute", false) ? " mute" : "",
             json_get_string(members, "atr") != NULL ? json_get_string(members, "atr") : "-",
             (int)json_get_int(members, "events", -1));
    strncat(told, line, sizeof told - strlen(told) - 1);
    json_decref(members);
}

static int setup(void **state)
{
    told[0] = '\0';
    *state = watch_new(tell);
    return *state == NULL ? -1 : 0;
}

static int teardown(void **state)
{
    watch_free(*state);
    return 0;
}

static void answer(struct watch *watch, DWORD event, const char *atr, DWORD atr_len)
{
    SCARD_READERSTATE states[WATCH_READERS_MAX];
    DWORD n = watch_states(watch, states);

    states[0].dwEventState = event;
    states[0].cbAtr = atr_len;
    memcpy(states[0].rgbAtr, atr, strlen(atr));
    watch_apply(watch, states, n);
}

static void only_news_is_told(void **state)
{
    struct watch *watch = *state;

    assert_true(watch_list(watch, LIST("A\0")));
    answer(watch, SCARD_STATE_CHANGED | SCARD_STATE_EMPTY, "", 0);
    assert_string_equal(told, "reader A  0|");
    told[0] = '\0';
    answer(watch, SCARD_STATE_CHANGED | SCARD_STATE_EMPTY | SCARD_STATE_INUSE, "", 0);
    assert_string_equal(told, "");
    answer(watch, SCARD_STATE_CHANGED | SCARD_STATE_PRESENT | 1 << 16, "\x3B\x01", 2);
    assert_string_equal(told, "reader A present 3B01 1|");
    told[0] = '\0';
    answer(watch, SCARD_STATE_PRESENT | SCARD_STATE_MUTE | 3 << 16, "", 0);
    assert_string_equal(told, "reader A present mute  3|");
}

/* The state that was told is what the next wait compares with, the change bit apart. */
static void the_next_wait_starts_from_what_was_told(void **state)
{
    struct watch *watch = *state;
    SCARD_READERSTATE states[WATCH_READERS_MAX];

    assert_true(watch_list(watch, LIST("A\0")));
    assert_int_equal(watch_states(watch, states), 2);
    assert_int_equal(states[0].dwCurrentState, SCARD_STATE_UNAWARE);
    assert_string_equal(states[1].szReader, "\\\\?PnP?\\Notification");
    answer(watch, SCARD_STATE_CHANGED | SCARD_STATE_PRESENT | 7 << 16, "\x3B", 1);
    watch_states(watch, states);
    assert_int_equal(states[0].dwCurrentState, SCARD_STATE_PRESENT | 7 << 16);
}

static void readers_come_and_go(void **state)
{
    struct watch *watch = *state;
    SCARD_READERSTATE states[WATCH_READERS_MAX];

    assert_true(watch_list(watch, LIST("A\0B\0")));
    answer(watch, SCARD_STATE_EMPTY, "", 0);
    told[0] = '\0';
    assert_true(watch_list(watch, LIST("B\0C\0")));
    assert_string_equal(told, "reader_gone A - -1|");
    assert_int_equal(watch_states(watch, states), 3);
    assert_string_equal(states[0].szReader, "B");
    assert_string_equal(states[1].szReader, "C");
    told[0] = '\0';
    watch_forget(watch);
    assert_int_equal(watch_states(watch, states), 1);
    assert_string_equal(told, "reader_gone B - -1|"); /* C was never told */
}

static void hostile_lists(void **state)
{
    struct watch *watch = *state;
    SCARD_READERSTATE states[WATCH_READERS_MAX];
    char name[MAX_READERNAME + 3];

    assert_true(watch_list(watch, LIST("A\0")));
    assert_false(watch_list(watch, "", 0));
    assert_false(watch_list(watch, "A", 1));
    assert_false(watch_list(watch, "A\0", 2));
    assert_false(watch_list(watch, "A\0B", 3));
    assert_false(watch_list(watch, "\0B\0", 3));
    assert_int_equal(watch_states(watch, states), 2); /* A stays */
    assert_true(watch_list(watch, LIST("\xFF\0A\0A\0line\nfeed\0")));
    assert_int_equal(watch_states(watch, states), 2);
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = name[sizeof name - 2] = '\0';
    assert_true(watch_list(watch, name, sizeof name));
    assert_int_equal(watch_states(watch, states), 1);
    assert_true(watch_list(watch, "", 1));
}

static void sixteen_readers_at_most(void **state)
{
    struct watch *watch = *state;
    SCARD_READERSTATE states[WATCH_READERS_MAX];
    char list[2 * 20 + 1] = "";

    for (size_t i = 0; i < 20; i++)
        list[2 * i] = (char)('a' + i);
    assert_true(watch_list(watch, list, sizeof list));
    assert_int_equal(watch_states(watch, states), WATCH_READERS_MAX);
    assert_string_equal(states[WATCH_READERS_MAX - 1].szReader, "p");
}

static void an_atr_that_is_too_long_is_dropped(void **state)
{
    struct watch *watch = *state;

    assert_true(watch_list(watch, LIST("A\0")));
    answer(watch, SCARD_STATE_PRESENT, "\x3B", MAX_ATR_SIZE + 1);
    assert_string_equal(told, "reader A present  0|");
}

static void a_reader_on_its_way_out_says_nothing(void **state)
{
    struct watch *watch = *state;

    assert_true(watch_list(watch, LIST("A\0")));
    answer(watch, SCARD_STATE_CHANGED | SCARD_STATE_UNKNOWN | SCARD_STATE_UNAVAILABLE, "", 0);
    assert_string_equal(told, "");
}

/* Fed back, so that pcsc-lite 2.3 tells of a reader that came between two waits. */
static void the_count_of_readers_comes_back(void **state)
{
    struct watch *watch = *state;
    SCARD_READERSTATE states[WATCH_READERS_MAX];
    DWORD n;

    assert_true(watch_list(watch, LIST("A\0")));
    n = watch_states(watch, states);
    states[1].dwEventState = SCARD_STATE_CHANGED | 9 << 16;
    watch_apply(watch, states, n);
    watch_states(watch, states);
    assert_int_equal(states[1].dwCurrentState, 9 << 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_news_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(the_next_wait_starts_from_what_was_told, setup, teardown),
        cmocka_unit_test_setup_teardown(readers_come_and_go, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_lists, setup, teardown),
        cmocka_unit_test_setup_teardown(sixteen_readers_at_most, setup, teardown),
        cmocka_unit_test_setup_teardown(an_atr_that_is_too_long_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(the_count_of_readers_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_on_its_way_out_says_nothing, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
