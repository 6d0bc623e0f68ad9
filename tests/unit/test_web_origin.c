/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/peer.h"
#include "agent/web_origin.h"
#include "base/util.h"

static void origins_as_browsers_write_them(void **state)
{
    static const char *const right[] = {
        "https://dpi.example.fr",      "https://dpi.example.fr:8443",
        "https://localhost",           "https://dpi",
        "https://10.0.0.1:444",        "https://xn--dlicieux-b1a.fr",
        "https://a-b.c--d.example.fr", "https://0a.example"};
    struct fail fail;

    (void)state;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++)
        if (web_origin_check(right[i], false, &fail) != CPS_OK)
            fail_msg("%s: %s", right[i], fail.causes[0]);
}

static void origins_that_look_like_others(void **state)
{
    static const char *const wrong[] = {
        "",
        "null",
        "https://",
        "https://dpi.example.fr/",
        "https://dpi.example.fr.",
        "https://dpi.example.fr@evil.example",
        "https://user:secret@dpi.example.fr",
        "https://dpi.example.fr:443",
        "https://dpi.example.fr:",
        "https://dpi.example.fr:0",
        "https://dpi.example.fr:080",
        "https://dpi.example.fr:65536",
        "https://dpi.example.fr:18446744073709551617",
        "https://dpi.example.fr:+1",
        "https://dpi.example.fr:1:2",
        "https://dpi.example.fr?x",
        "https://dpi.example.fr#x",
        "https://dpi.example.fr\\evil.example",
        "https://DPI.example.fr",
        "HTTPS://dpi.example.fr",
        "https://d\xc3\xa9licieux.fr",
        "https://dpi..fr",
        "https://.example.fr",
        "https://-dpi.example.fr",
        "https://dpi-.example.fr",
        "https://*.example.fr",
        "https://dpi_1.example.fr",
        "https://127.1",
        "https://1",
        "https://256.0.0.1",
        "https://01.2.3.4",
        "https://a.0x7f",
        "https://[::1]",
        "http://dpi.example.fr",
        "http://localhost",
        "http://127.0.0.1:8080",
        "ftp://dpi.example.fr",
        "chrome-extension://abcdef",
        "file:///etc/passwd",
        "https:dpi.example.fr",
        " https://dpi.example.fr",
        "https://dpi.example.fr ",
        "https://abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd.fr"};
    struct fail fail;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (web_origin_check(wrong[i], false, &fail) == CPS_OK)
            fail_msg("accepted: %s", wrong[i]);
        assert_int_equal(fail.code, CPS_INVALID_PARAMS);
        assert_string_equal(fail.reason, "origin");
    }
}

static void plain_http_on_the_machine_itself(void **state)
{
    struct fail fail;

    (void)state;
    assert_int_equal(web_origin_check("http://localhost:3000", true, &fail), CPS_OK);
    assert_int_equal(web_origin_check("http://127.0.0.1", true, &fail), CPS_OK);
    assert_int_not_equal(web_origin_check("http://localhost:80", true, &fail), CPS_OK);
    assert_int_not_equal(web_origin_check("http://localhost.example.fr", true, &fail), CPS_OK);
    assert_int_not_equal(web_origin_check("http://127.0.0.2", true, &fail), CPS_OK);
}

static void patterns(void **state)
{
    static const struct {
        const char *pattern, *origin;
        bool fits;
    } cases[] = {
        {"https://dpi.example.fr", "https://dpi.example.fr", true},
        {"https://dpi.example.fr", "https://dpi.example.fr:8443", false},
        {"https://dpi.example.fr:8443", "https://dpi.example.fr:8443", true},
        {"https://dpi.example.fr", "https://dpi.example.fr.evil.fr", false},
        {"https://dpi.example.fr", "https://xdpi.example.fr", false},
        {"https://*.example.fr", "https://dpi.example.fr", true},
        {"https://*.example.fr", "https://example.fr", false},
        {"https://*.example.fr", "https://a.b.example.fr", false},
        {"https://*.example.fr", "https://evilexample.fr", false},
        {"https://*.*.example.fr", "https://a.b.example.fr", true},
        {"https://*.example.fr", "https://dpi.example.fr:8443", false},
        {"https://*.example.fr", "http://dpi.example.fr", false},
        {"http://localhost:3000", "http://localhost:3000", true},
        {"http://localhost:3000", "https://localhost:3000", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_true(web_origin_pattern_is_valid(cases[i].pattern));
        if (web_origin_fits(cases[i].pattern, cases[i].origin) != cases[i].fits)
            fail_msg("%s and %s", cases[i].pattern, cases[i].origin);
    }
    assert_false(web_origin_pattern_is_valid("https://*"));
    assert_false(web_origin_pattern_is_valid("https://*.fr"));
    assert_false(web_origin_pattern_is_valid("https://dpi.*.fr"));
    assert_false(web_origin_pattern_is_valid("https://d*.example.fr"));
    assert_false(web_origin_pattern_is_valid("https://*.10.0.0.1"));
    assert_false(web_origin_pattern_is_valid("https://dpi.example.fr:*"));
    assert_false(web_origin_pattern_is_valid("http://dpi.example.fr"));
    assert_false(web_origin_pattern_is_valid("*"));
}

static void apps_of_units_and_labels(void **state)
{
    static const struct {
        const char *unit, *app;
    } cases[] = {
        {"snap.firefox.firefox-0f2c.scope", "snap:firefox"},
        {"snap.firefox.firefox.0f2c.scope", "snap:firefox"},
        {"app-flatpak-org.mozilla.firefox-4242.scope", "flatpak:org.mozilla.firefox"},
        {"app-flatpak-org.example.A-B-4242.scope", "flatpak:org.example.A-B"},
        {"app-flatpak-.scope", NULL},
        {"snap.", NULL},
        {"snap..x", NULL},
        {"app-gnome-firefox-4242.scope", NULL},
        {"session-3.scope", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        AUTO_FREE char *app = peer_app_of_unit(cases[i].unit);

        if ((app == NULL) != (cases[i].app == NULL) ||
            (app != NULL && strcmp(app, cases[i].app) != 0))
            fail_msg("%s: %s", cases[i].unit, app != NULL ? app : "nothing");
    }
    AUTO_FREE char *snap = peer_app_of_label("snap.firefox.firefox (enforce)");
    AUTO_FREE char *none = peer_app_of_label("unconfined");

    assert_string_equal(snap, "snap:firefox");
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(origins_as_browsers_write_them),
        cmocka_unit_test(origins_that_look_like_others),
        cmocka_unit_test(plain_http_on_the_machine_itself),
        cmocka_unit_test(patterns),
        cmocka_unit_test(apps_of_units_and_labels),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
