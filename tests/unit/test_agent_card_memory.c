/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "agent/card_memory.h"
#include "base/util.h"

static void a_card_is_its_number_and_its_atr(void **state)
{
    struct card_memory *memory = card_memory_new();
    AUTO_JSON json_t *contact = json_pack("{s:s, s:s}", "serial", "29900101", "atr", "3BAC");
    AUTO_JSON json_t *other = json_pack("{s:s, s:s}", "serial", "29900101", "atr", "3B8F");
    AUTO_JSON json_t *unnumbered = json_pack("{s:s, s:s}", "serial", "", "atr", "3BAC");
    AUTO_JSON json_t *nothing = json_object();

    (void)state;
    assert_true(card_memory_is_empty(memory));
    card_memory_keep(memory, contact, "one");
    card_memory_keep(memory, unnumbered, "two");
    card_memory_keep(memory, nothing, "three");
    card_memory_keep(memory, other, NULL);
    assert_string_equal(card_memory_find(memory, contact), "one");
    assert_null(card_memory_find(memory, other));
    assert_null(card_memory_find(memory, unnumbered));
    assert_null(card_memory_find(memory, nothing));
    assert_null(card_memory_find(memory, NULL));
    card_memory_keep(memory, contact, "again");
    assert_string_equal(card_memory_find(memory, contact), "again");
    card_memory_forget(memory, other);
    assert_false(card_memory_is_empty(memory));
    card_memory_forget(memory, contact);
    assert_true(card_memory_is_empty(memory));
    card_memory_free(memory);
    card_memory_free(NULL);
}

static json_t *numbered(unsigned n)
{
    char serial[16];

    snprintf(serial, sizeof serial, "%08u", n);
    return json_pack("{s:s, s:s}", "serial", serial, "atr", "3B00");
}

static void the_one_not_seen_for_longest_makes_room(void **state)
{
    struct card_memory *memory = card_memory_new();
    AUTO_JSON json_t *first = numbered(0);
    AUTO_JSON json_t *second = numbered(1);
    char *large = calloc(1, CARD_MEMORY_TEXT_MAX + 2);

    (void)state;
    for (unsigned i = 0; i < CARD_MEMORY_CARDS_MAX; i++) {
        AUTO_JSON json_t *info = numbered(i);

        card_memory_keep(memory, info, "text");
    }
    card_memory_keep(memory, first, "text"); /* seen again */
    for (unsigned i = 0; i < 2; i++) {
        AUTO_JSON json_t *info = numbered(1000 + i);

        assert_non_null(card_memory_find(memory, first));
        card_memory_keep(memory, info, "text");
        assert_non_null(card_memory_find(memory, info));
    }
    assert_null(card_memory_find(memory, second));
    memset(large, 'A', CARD_MEMORY_TEXT_MAX + 1);
    card_memory_keep(memory, second, large);
    assert_null(card_memory_find(memory, second));
    free(large);
    card_memory_free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_is_its_number_and_its_atr),
        cmocka_unit_test(the_one_not_seen_for_longest_makes_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
