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
        AUTO_JSON json_t *params = prompt_text_pin(where, NULL, "R", 3, CPS_OK);
        AUTO_JSON json_t *last = prompt_text_last_try(where);

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
    AUTO_JSON json_t *params = prompt_text_pin(NULL, holder, "Reader 00", 2, CPS_OK);
    const char *text = json_get_string(params, "description");

    (void)state;
    assert_non_null(strstr(text, "ADELINE VALMONT1011"));
    assert_non_null(strstr(text, "Reader 00"));
    assert_non_null(strstr(text, "Essais restants : 2"));
}

static void why_it_is_asked_again(void **state)
{
    AUTO_JSON json_t *english = display("en_GB");
    AUTO_JSON json_t *fr = prompt_text_pin(NULL, NULL, "R", 2, CPS_PIN_WRONG);
    AUTO_JSON json_t *en = prompt_text_pin(english, NULL, "R", 2, CPS_PIN_WRONG);

    (void)state;
    assert_string_equal(json_get_string(fr, "error"),
                        cps_error_get_text(CPS_PIN_WRONG)->message_fr);
    assert_string_equal(json_get_string(en, "error"),
                        cps_error_get_text(CPS_PIN_WRONG)->message_en);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(languages),
        cmocka_unit_test(who_where_and_how_many_tries),
        cmocka_unit_test(why_it_is_asked_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
