/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/prompt_text.h"
#include "base/json.h"
#include "base/util.h"

static const struct pin_asker login = {.purpose = PIN_FOR_LOGIN};

static struct prompt_card card_of(const json_t *holder, const char *reader, int tries_left,
                                  cps_error last_error)
{
    return (struct prompt_card){.holder = holder,
                                .reader = reader,
                                .tries_left = tries_left,
                                .digits = 4,
                                .last_error = last_error};
}

static json_t *pin_params(const json_t *display, const json_t *holder, const char *reader,
                          int tries_left, cps_error last_error)
{
    struct prompt_card card = card_of(holder, reader, tries_left, last_error);

    return prompt_text_pin(display, &login, &card);
}

static json_t *display(const char *lang)
{
    return json_pack("{s:s*}", "lang", lang);
}

static void languages(void **state)
{
    static const struct {
        const char *lang;
        const char *prompt;
    } cases[] = {{NULL, "Code porteur :"}, {"fr_FR.UTF-8", "Code porteur :"},
                 {"C", "Code porteur :"},  {"de_DE.UTF-8", "Code porteur :"},
                 {"en_GB.UTF-8", "PIN:"},  {"en", "PIN:"},
                 {"", "Code porteur :"}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO_JSON json_t *where = display(cases[i].lang);
        AUTO_JSON json_t *params = pin_params(where, NULL, "R", 3, CPS_OK);
        AUTO_JSON json_t *last = prompt_text_last_try(where, false);

        assert_string_equal(json_get_string(params, "prompt"), cases[i].prompt);
        assert_non_null(json_get_string(params, "title"));
        assert_non_null(json_get_string(params, "ok"));
        assert_non_null(json_get_string(params, "cancel"));
        assert_null(json_object_get(params, "error"));
        assert_non_null(json_get_string(last, "description"));
    }
}

static void who_where_and_how_many_tries(void **state)
{
    AUTO_JSON json_t *holder = json_pack("{s:s}", "name", "ADELINE VALMONT1011");
    AUTO_JSON json_t *params = pin_params(NULL, holder, "Reader 00", 2, CPS_OK);
    const char *text = json_get_string(params, "description");

    (void)state;
    assert_non_null(strstr(text, "ADELINE VALMONT1011"));
    assert_non_null(strstr(text, "Reader 00"));
    assert_non_null(strstr(text, "Essais restants : 2"));
}

static void why_it_is_asked_again(void **state)
{
    AUTO_JSON json_t *english = display("en_GB");
    AUTO_JSON json_t *fr = pin_params(NULL, NULL, "R", 2, CPS_PIN_WRONG);
    AUTO_JSON json_t *en = pin_params(english, NULL, "R", 2, CPS_PIN_WRONG);

    (void)state;
    assert_string_equal(json_get_string(fr, "error"),
                        cps_error_get_text(CPS_PIN_WRONG)->message_fr);
    assert_string_equal(json_get_string(en, "error"),
                        cps_error_get_text(CPS_PIN_WRONG)->message_en);
}

static void who_asks(void **state)
{
    static const struct {
        enum pin_purpose purpose;
        const char *fr, *en;
    } cases[] = {{PIN_FOR_AUTHENTICATION, "Authentification : firefox", "Authentication: firefox"},
                 {PIN_FOR_SIGNATURE, "Signature : firefox", "Signature: firefox"}};
    struct prompt_card card = card_of(NULL, "R", -1, CPS_OK);
    AUTO_JSON json_t *english = display("en_GB");

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const struct pin_asker asker = {cases[i].purpose, "firefox"};
        AUTO_JSON json_t *fr = prompt_text_pin(NULL, &asker, &card);
        AUTO_JSON json_t *en = prompt_text_pin(english, &asker, &card);

        assert_non_null(strstr(json_get_string(fr, "description"), cases[i].fr));
        assert_non_null(strstr(json_get_string(en, "description"), cases[i].en));
        assert_null(strstr(json_get_string(fr, "description"), "Essais"));
    }
}

/* A message has no place of its own for an error. */
static void a_message_says_what_went_wrong(void **state)
{
    struct prompt_card card = card_of(NULL, "R", 2, CPS_PIN_WRONG);
    AUTO_JSON json_t *params = prompt_text_pad(NULL, &login, &card);
    const char *text = json_get_string(params, "description");

    (void)state;
    assert_null(json_object_get(params, "error"));
    assert_non_null(strstr(text, cps_error_get_text(CPS_PIN_WRONG)->message_fr));
    assert_non_null(strstr(text, "Essais restants : 2"));
    assert_non_null(strstr(text, "touches du lecteur"));
}

static void what_a_change_asks(void **state)
{
    static const char *const keys[] = {"title", "new",  "repeat", "mismatch", "same",
                                       "weak",  "form", "ok",     "cancel"};
    struct prompt_card card = card_of(NULL, "R", 3, CPS_OK);
    AUTO_JSON json_t *change = prompt_text_change(NULL, &card, false);
    AUTO_JSON json_t *unblock = prompt_text_change(NULL, &card, true);

    (void)state;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_non_null(json_get_string(change, keys[i]));
    assert_string_equal(json_get_string(change, "current"), "Code porteur actuel :");
    assert_string_equal(json_get_string(unblock, "current"), "Code de déblocage (PUK) :");
    assert_int_equal(json_get_int(change, "digits", 0), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(languages),
        cmocka_unit_test(who_where_and_how_many_tries),
        cmocka_unit_test(why_it_is_asked_again),
        cmocka_unit_test(who_asks),
        cmocka_unit_test(a_message_says_what_went_wrong),
        cmocka_unit_test(what_a_change_asks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
